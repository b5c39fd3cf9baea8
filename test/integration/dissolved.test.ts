// A program dissolves its connections, and the kernel forgets what they have carried: SO_LINGER without a time, and connect(2) on a socket whose
// connection is over. The sums know it all the same, and each connection has its line.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { until } from '../harness/until.js';
import { type Scene, startScene } from './quota-scene.js';

const MIB = 1_048_576;
const CHUNK = 65_536;
const ROUNDS = MIB / CHUNK;

/** How a program ends its connections, and whether the peer resets each one that has carried its bytes. Otherwise it answers with a byte. */
const WAYS = {
  'SO_LINGER, and close(2)': {
    peerResets: false,
    program: `
def made():
    return dial()
def end(s):
    s.recv(1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    s.close()`,
  },
  'SO_LINGER before connect(2), and close(2)': {
    peerResets: false,
    program: `
def made():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    s.connect(("127.0.0.1", port))
    return s
def end(s):
    s.recv(1)
    s.close()`,
  },
  'connect(2) with AF_UNSPEC': {
    peerResets: true,
    program: `
def made():
    return dial()
def end(s):
    was_reset(s)
    assert libc.connect(s.fileno(), bytes(16), 16) == 0
    s.close()`,
  },
  'another connect(2) after one that did not wait': {
    peerResets: true,
    program: `
def made():
    s = socket.socket()
    s.setblocking(False)
    assert s.connect_ex(("127.0.0.1", port)) == errno.EINPROGRESS
    select.select([], [s], [])
    return s
def end(s):
    poll = select.poll()
    poll.register(s, 0)
    poll.poll()
    assert s.connect_ex(("127.0.0.1", port)) != 0
    s.close()`,
  },
} as const;

const CARRY = `
import ctypes, select
libc = ctypes.CDLL(None, use_errno=True)
RESET = struct.pack("ii", 1, 0)
def was_reset(s):
    try:
        s.recv(1)
    except ConnectionResetError:
        return
    raise AssertionError("no reset")
def carry(size):
    s = made()
    sent = 0
    data = struct.pack("!I", size) + b"x" * (size - 4)
    while sent < size:
        select.select([], [s], [])
        sent += s.send(data[sent:])
    end(s)
`;

/** A peer that says when it has all bytes of a connection, as its first four say. */
function takesAll(resets: boolean, onReset: () => void): (socket: Socket) => void {
  return (socket) => {
    let wanted = Number.POSITIVE_INFINITY;
    let received = 0;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') onReset();
    });
    socket.on('data', (bytes: Buffer) => {
      if (received === 0 && bytes.length >= 4) wanted = bytes.readUInt32BE();
      received += bytes.length;
      if (received < wanted) return;
      if (resets) socket.resetAndDestroy();
      else socket.write('k');
    });
  };
}

const closed = (scene: Scene): readonly { readonly sent: unknown; readonly by: unknown }[] =>
  scene
    .events()
    .filter(({ event }) => event === 'closed')
    .map(({ sent_bytes: sent, ended_by: by }) => ({ sent, by }));

for (const [turn, [way, { peerResets, program }]] of Object.entries(WAYS).entries())
  for (const user of userInTurn(turn)) {
    // proves: quota: the kernel resets no connection whose bytes are limited
    // proves: quota: a reset is counted before
    // proves: quota: a reset that a program asked for before it connected is the broker's too
    // proves: quota: a connect that dissolves a connection is counted before
    test(`${way}: what the connections have carried counts, and each has its line (${user})`, async (t) => {
      const script = `${CARRY}${program}
for round in range(${ROUNDS}):
    carry(${CHUNK} - (round == 0))
say("carried")
sys.stdin.readline()
s = dial()
say(isinstance(s, socket.socket))
s.sendall(b"x")
s.close()
for _ in range(50):
    if dial() == "EDQUOT":
        say("refused")
        break
    time.sleep(0.1)
else:
    say("never refused")
sys.stdin.readline()`;
      let resets = 0;
      const peer = takesAll(peerResets, () => {
        resets += 1;
      });
      const scene = await startScene(t, user, ['sent_mib=1'], script, peer);
      await until(() => (scene.said().includes('carried') && closed(scene).length === ROUNDS) || undefined);
      assert.deepEqual(new Set(closed(scene).map(({ by }) => by)), new Set(['closed']));
      const sent = closed(scene).reduce((sum, one) => sum + Number(one.sent), 0);
      assert.equal(sent, MIB - 1);
      if (!peerResets) await until(() => resets === ROUNDS || undefined);
      scene.tell();
      const said = await until(() => /(?:never )?refused/.exec(scene.said())?.[0], 30_000);
      assert.equal(said, 'refused', scene.said());
      // One byte less than the quota permitted another connection, and its byte was the last.
      assert.match(scene.said(), /^True$/m);
      await until(() => scene.received() >= MIB || undefined);
      assert.equal(scene.received(), MIB);
    });
  }

for (const user of anyUser) {
  // proves: accounts: a connection that the kernel has forgotten has its event
  test(`without a quota the kernel resets, and each connection has a line, which says that its bytes are not known (${user})`, async (t) => {
    const { program } = WAYS['SO_LINGER, and close(2)'];
    const script = `${CARRY}${program}
for _ in range(3): carry(1000)
say("carried")
sys.stdin.readline()`;
    let resets = 0;
    const peer = takesAll(false, () => {
      resets += 1;
    });
    const scene = await startScene(t, user, [], script, peer);
    await until(() => (scene.said().includes('carried') && closed(scene).length >= 3) || undefined);
    assert.deepEqual(closed(scene), Array(3).fill({ sent: null, by: 'unknown' }));
    await until(() => resets === 3 || undefined);
    const opened = scene.events().filter(({ outcome }) => outcome === 'connected');
    assert.equal(opened.length, 3);
  });
}
