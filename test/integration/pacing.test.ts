import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { until } from '../harness/until.js';
import { startScene } from './quota-scene.js';

const RATE = 1_000_000;
const BYTES = 4_000_000;
/** On loopback a segment has up to 64 KiB, and TCP sends ten at once. */
const UNPACED = 10 * 65_536;

/**
 * Sends over both ways out, after it has tried to raise the rate with each form of the option. It says how long each took, until the peer had all:
 * a peer on a busy machine sees the beginning late.
 */
const PROGRAM = `
took = []
for by in ("trap", "channel"):
    s = dial(by)
    for value in (struct.pack("=I", 0xFFFFFFFF), struct.pack("=Q", 0xFFFFFFFFFFFFFFFF), struct.pack("=Q", 10**9)):
        try:
            s.setsockopt(socket.SOL_SOCKET, 47, value)
            say("raised")
        except OSError as error:
            say(errno.errorcode[error.errno])
    say("rate", struct.unpack("=Q", s.getsockopt(socket.SOL_SOCKET, 47, 8))[0])
    begun = time.monotonic()
    s.sendall(b"x" * ${BYTES})
    s.shutdown(socket.SHUT_WR)
    s.recv(1)
    took.append(time.monotonic() - begun)
    s.close()
say("took", *took)
say("done")
sys.stdin.readline()
`;

function tookOf(said: string): readonly number[] {
  const seconds = /^took (\S+) (\S+)$/m.exec(said)?.slice(1).map(Number);
  assert.ok(seconds !== undefined, said);
  return seconds;
}

for (const user of anyUser) {
  // proves: a connection of a program is paced
  // proves: a connection of the channel is paced
  // proves: rate: no program raises it
  test(`bytes_per_second is the rate of each connection, and no program raises it (${user})`, async (t) => {
    const scene = await startScene(t, user, [`bytes_per_second=${RATE}`], PROGRAM);
    await until(() => scene.said().includes('done') || undefined, 60_000);
    const words = [...Array<string>(3).fill('EPERM'), `rate ${RATE}`];
    assert.deepEqual(scene.said().split('\n').slice(0, -3), [...words, ...words]);
    for (const { received } of scene.peers) assert.equal(received, BYTES);
    for (const seconds of tookOf(scene.said())) {
      // Not faster; how much slower is a matter of the machine.
      assert.ok((BYTES - UNPACED) / seconds <= RATE * 1.1, `${BYTES} bytes in ${seconds} s`);
    }
  });
}

for (const user of userInTurn(1)) {
  test(`without bytes_per_second the same connection is faster (${user})`, async (t) => {
    const scene = await startScene(t, user, [], PROGRAM);
    await until(() => scene.said().includes('done') || undefined, 60_000);
    assert.match(scene.said(), /^EPERM\nEPERM\nEPERM\n/);
    for (const seconds of tookOf(scene.said())) {
      assert.ok((BYTES - UNPACED) / seconds > RATE * 1.1, `${BYTES} bytes in ${seconds} s`);
    }
  });
}
