// A plugin hands a connection to another one by a UNIX socket. Its own limits and rules go on to hold for it there: an end finds the connection in
// whichever sandbox it is, and the plugin that does not have it any more is not ended for it.
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import type { AuditLine } from '../harness/audit-line.js';
import { copyPrograms } from '../harness/copy-programs.js';
import { type Listener, listen } from '../harness/listener.js';
import { brokerOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { type User, users } from '../harness/users.js';
import { makePlace, startUpWithSocket } from './up-with-socket.js';

const MIB = 1_048_576;
const CHUNK = 8_192;

/** Connects, passes the connection on and so many to the holder itself, and has them no more. */
const MAKER = `${PYTHON_CHANNEL}
import os, sys, time
def passed_on(port, place, others):
    channel = Channel.from_environment()
    with socket.create_connection(("127.0.0.1", port)) as s, channel.connect("unix:" + place, 0, 5000) as to:
        more = [channel.connect("unix:" + place, 0, 5000) for _ in range(others)]
        to.setblocking(True)
        socket.send_fds(to, [b"x"], [s.fileno(), *(one.fileno() for one in more)])
        to.recv(1)
port, place, others = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
passed_on(port, place, others)
print("passed on", flush=True)
time.sleep(100)
`;

/** Holds what it gets, and sends by it until it ends. */
const HOLDER = `
import os, socket, struct, sys, threading, time
listener = socket.socket(fileno=3)
client, _ = listener.accept()
_, (fd, *others), _, _ = socket.recv_fds(client, 1, 2)
client.send(b"x")
client.close()
s = socket.socket(fileno=fd)
%s
try:
    while True:
        s.sendall(b"x" * ${CHUNK})
        time.sleep(0.03)
except OSError:
    print("held ended", flush=True)
time.sleep(100)
`;

/** Hides the connection in a message until there is a file. */
const HIDES = `
ours, theirs = socket.socketpair()
s.sendall(b"x" * ${CHUNK})
socket.send_fds(ours, [b"x"], [s.fileno()])
s.close()
print("hidden", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
s = socket.socket(fileno=socket.recv_fds(theirs, 1, 1)[1][0])
`;

/** Waits for the end of the other connection before. */
const WAITS = `
other = socket.socket(fileno=others[0])
other.setblocking(True)
def wait():
    print("other ended", other.recv(1), flush=True)
threading.Thread(target=wait).start()
${HIDES}`;

interface Config {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly limits?: Readonly<Record<string, number>>;
  readonly restart?: Readonly<Record<string, unknown>>;
}

interface Scene {
  readonly host: Listener;
  /** Connections that the peer still has. */
  readonly open: () => number;
  readonly received: () => number;
  readonly said: () => string;
  readonly events: () => readonly AuditLine[];
  /** Puts another maker in the file, or none. */
  readonly change: (maker: Config | undefined) => void;
  readonly rules: readonly string[];
  /** The supervisor's pid. */
  readonly pid: number;
  /** Ends the wait of the holder for it: see {@link HIDES}. */
  readonly flag: string;
}

/**
 * @param prepares what the holder does with the connection `s` before it sends
 * @param others how many connections to the holder itself are passed on, too
 * @param dist postern's programs
 */
async function startScene(
  t: TestContext,
  user: User,
  maker: Config,
  { prepares = '', others = 0, dist }: { prepares?: string; others?: number; dist?: string } = {},
): Promise<Scene> {
  let open = 0;
  let received = 0;
  const host = await listen((socket) => {
    open += 1;
    socket.on('data', (bytes) => {
      received += bytes.length;
    });
    socket.on('close', () => {
      open -= 1;
    });
  });
  t.after(() => host.close());
  const { folder, place } = makePlace(user, 'holder');
  const flag = join(folder, 'shown');
  const rules = [`127.0.0.1:${host.port}`, `unix:${place}`];
  const python = (...words: readonly string[]): readonly string[] => ['/usr/bin/python3', '-c', ...words];
  const write = (next: Config | undefined): void => {
    const holder = {
      command: python(HOLDER.replace('%s', prepares), flag),
      cwd: '/',
      filesystem: { visible: [folder] },
      listen: [{ name: 'holder', address: place }],
    };
    const command = python(MAKER, String(host.port), place, String(others));
    const plugins = { holder, ...(next && { maker: { command, cwd: '/', allow: rules, ...next } }) };
    writeFileSync(join(folder, 'next'), JSON.stringify({ audit: 'stdout', plugins }));
    renameSync(join(folder, 'next'), join(folder, 'postern.yaml'));
  };
  write(undefined);
  const { child, said } = await startUpWithSocket(t, user, { folder, place }, dist);
  const change = (next: Config | undefined): void => {
    write(next);
    child.kill('SIGHUP');
  };
  change(maker);
  await until(() => (said().includes('passed on') && received > 0) || undefined, 30_000);
  const lines = (): readonly string[] =>
    said()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'));
  return {
    ...{ host, open: () => open, received: () => received, said, change, rules, flag },
    pid: child.pid ?? 0,
    events: () => lines().map((line) => JSON.parse(line) as AuditLine),
  };
}

/** Its one line. */
async function closedLine({ events }: Scene): Promise<AuditLine> {
  const found = await until(() => {
    const closed = events().filter(({ event, port }) => event === 'closed' && port !== 0);
    return closed.length > 0 ? closed : undefined;
  });
  assert.equal(found.length, 1);
  return found[0] as AuditLine;
}

async function hasEnded(scene: Scene, cause: string): Promise<void> {
  await until(() => (scene.said().includes('held ended') && scene.open() === 0) || undefined, 30_000);
  const { plugin, ended_by } = await closedLine(scene);
  assert.deepEqual([plugin, ended_by], ['maker', cause]);
  assert.doesNotMatch(scene.said(), /the plugin is ended|ended with signal/);
  assert.equal(await scene.host.allConnections(), 1);
}

// proves: an end searches every sandbox
for (const user of userInTurn(0))
  test(`a connection that is too old ends in the sandbox that has it, and nothing else does (${user})`, async (t) => {
    const scene = await startScene(t, user, { limits: { connection_seconds: 2 } });
    await hasEnded(scene, 'age');
  });

// proves: age: a limit that is lowered holds for what is open
for (const user of userInTurn(1))
  test(`a connection_seconds that is lowered ends what is older, though the former limit has not passed (${user})`, async (t) => {
    const scene = await startScene(t, user, { limits: { connection_seconds: 3_000 } });
    // Its maker starts again, as with each change of its limits.
    scene.change({ limits: { connection_seconds: 1 } });
    await until(() => scene.said().includes('held ended') || undefined, 30_000);
    await until(() => scene.events().some(({ ended_by }) => ended_by === 'age') || undefined);
  });

for (const [turn, [what, next]] of Object.entries({
  'a rule that is withdrawn': ({ rules }: Scene): Config => ({ allow: rules.slice(1) }),
  'a deny rule': ({ rules }: Scene): Config => ({ deny: rules.slice(0, 1) }),
}).entries())
  for (const user of userInTurn(turn))
    test(`${what} ends the connection in the sandbox that has it (${user})`, async (t) => {
      const scene = await startScene(t, user, {});
      scene.change(next(scene));
      await hasEnded(scene, 'revoked');
    });

// proves: a connection does not outlive the plugin that got it
for (const user of userInTurn(0))
  test(`a plugin that is taken out of the file leaves no connection to another one (${user})`, async (t) => {
    const scene = await startScene(t, user, {});
    scene.change(undefined);
    await until(() => /maker: ended/.test(scene.said()) || undefined);
    await until(() => (scene.said().includes('held ended') && scene.open() === 0) || undefined);
    assert.equal((await closedLine(scene))['ended_by'], 'revoked');
  });

// proves: a further broker ends what a plugin that is gone has left
for (const user of users)
  test(`a further broker knows what a plugin has left that is gone, and ends it (${user})`, async (t) => {
    const scene = await startScene(t, user, {}, { prepares: HIDES });
    await until(() => scene.said().includes('hidden') || undefined);
    const before = await until(() => brokerOf(scene.pid));
    scene.change(undefined);
    await until(() => /was read again; ended: maker/.test(scene.said()) || undefined);
    process.kill(before, 'SIGKILL');
    await until(() => (brokerOf(scene.pid) ?? before) !== before || undefined, 30_000);
    writeFileSync(scene.flag, '');
    await until(() => (scene.said().includes('held ended') && scene.open() === 0) || undefined, 30_000);
    const { plugin, ended_by } = await closedLine(scene);
    assert.deepEqual([plugin, ended_by], ['maker', 'revoked']);
    assert.doesNotMatch(scene.said(), /the plugin is ended/);
  });

for (const user of userInTurn(1))
  test(`a plugin that is taken out of the file while there is no broker leaves no connection (${user})`, async (t) => {
    const dist = copyPrograms();
    const scene = await startScene(t, user, {}, { dist });
    const program = join(dist, 'run/broker-main.cjs');
    renameSync(program, `${program}.away`);
    const before = await until(() => brokerOf(scene.pid));
    process.kill(before, 'SIGKILL');
    await until(() => scene.said().includes('MODULE_NOT_FOUND') || undefined, 30_000);
    scene.change(undefined);
    await until(() => /was read again; ended: maker/.test(scene.said()) || undefined, 30_000);
    renameSync(`${program}.away`, program);
    await until(() => (scene.said().includes('held ended') && scene.open() === 0) || undefined, 30_000);
    assert.equal((await closedLine(scene))['ended_by'], 'revoked');
  });

for (const user of userInTurn(0))
  test(`a TCP connection that is hidden holds up no other that a plugin leaves (${user})`, async (t) => {
    const scene = await startScene(t, user, {}, { prepares: WAITS, others: 1 });
    await until(() => scene.said().includes('hidden') || undefined);
    scene.change(undefined);
    await until(() => scene.said().includes("other ended b''") || undefined, 30_000);
    assert.equal(scene.open(), 1);
    writeFileSync(scene.flag, '');
    await until(() => (scene.said().includes('held ended') && scene.open() === 0) || undefined, 30_000);
  });

for (const user of userInTurn(1))
  test(`what another plugin sends counts for the one that got the connection, also after a reset (${user})`, async (t) => {
    const scene = await startScene(
      t,
      user,
      { limits: { sent_mib: 1 } },
      {
        prepares: `
s.sendall(b"x" * ${MIB - CHUNK})
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
print(struct.unpack("ii", s.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)), flush=True)`,
      },
    );
    await hasEnded(scene, 'quota');
    // The kernel would reset it, and forget what it has carried.
    assert.match(scene.said(), /\(0, 0\)/);
    assert.ok(scene.received() >= MIB - CHUNK);
  });
