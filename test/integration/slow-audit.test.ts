// The broker's answer to the heartbeat comes behind the audit lines that it wrote before. A supervisor that reads these slowly gets the answer
// late, and replaces no broker for that.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS } from '../../shared/limits.js';
import { startLiveBroker } from '../harness/live-broker.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';

/** Longer than a broker may be silent. All lines together take longer still. */
const LATE_MS = 1.5 * HEARTBEAT_TIMEOUT_MS;
const LINE_MS = 2;
const LINES = 2_500;
const ABREAST = 50;
/** Asks for connections that no rule allows, some at once. Each makes an audit line. */
const DENIED = `
host = ("a" * 60 + ".") * 4 + "com"
channel = Channel(3, 4)
for first in range(0, ${LINES}, ${ABREAST}):
    for id in range(first, first + ${ABREAST}):
        channel._send({"op": "connect", "id": id, "host": host, "port": 443})
    for _ in range(${ABREAST}):
        channel._receive()
`;

// proves: a broker whose answer waits behind audit lines is not replaced
test('a broker whose answers wait behind audit lines is not replaced', async (t) => {
  const broker = await startLiveBroker(1);
  const { pid } = broker.process;
  t.after(() => broker.process.stop());
  await broker.addPlugin('denied', []);
  const ageMs = (): number => (broker.process.heartbeatAge ?? 0) * 1_000;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let [lines, oldest] = [0, 0];
  broker.process.on('audit', () => {
    lines += 1;
    oldest = Math.max(oldest, ageMs());
    if (oldest < LATE_MS) Atomics.wait(sleeper, 0, 0, LINE_MS);
  });
  const verdicts: string[] = [];
  broker.process.on('late', (late) => verdicts.push(late ? 'late' : 'answers'));
  broker.process.on('hung', () => verdicts.push('hung'));
  const { request, reply } = broker.process.openChannel('denied');
  await until(() => ageMs() < HEARTBEAT_MS || undefined);
  // This process, the supervisor, does not read meanwhile.
  const { status } = spawnSync('/usr/bin/python3', ['-c', PYTHON_CHANNEL + DENIED], {
    stdio: ['ignore', 'inherit', 'inherit', request.number, reply.number],
  });
  assert.equal(status, 0);
  for (const end of [request, reply]) end.close();
  await until(() => (lines >= LINES && ageMs() < HEARTBEAT_TIMEOUT_MS) || verdicts[0], 60_000);
  assert.deepEqual(verdicts, []);
  assert.ok(oldest >= LATE_MS, `the longest wait for an answer was ${oldest} ms`);
  assert.equal(broker.process.pid, pid);
});
