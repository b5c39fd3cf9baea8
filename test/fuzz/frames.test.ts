// proves: G8
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { connectOver } from '../../sandbox/plugin/connect-over.js';
import { encodeRequest } from '../../shared/protocol/requests.js';
import { setNonBlocking, writeOnce } from '../../shared/sys/fcntl.js';
import { receiveMessage } from '../../shared/sys/message.js';
import { listen } from '../harness/listener.js';
import { startLiveBroker } from '../harness/live-broker.js';
import { chance, hostileFrame } from './hostile-frame.js';

const FRAMES = 20_000;
/** The neighbour connects once in so many. */
const SERVED_EACH = 500;
const SEED = 20_260;
const EAGAIN = -11;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('20,000 hostile frames leave the broker as it was, and another plugin is served throughout', async (t) => {
  const upstream = await listen((socket) => socket.end());
  const broker = await startLiveBroker();
  t.after(async () => {
    await broker.process.stop();
    await upstream.close();
  });
  await broker.addPlugin('fuzz', ['example.invalid:*'], { concurrentRequests: 8 });
  await broker.addPlugin('neighbour', [`127.0.0.1:${upstream.port}`]);
  const neighbour = broker.client('neighbour');
  const connectOnce = async (): Promise<void> => {
    const socket = await connectOver(() => neighbour, { host: '127.0.0.1', port: upstream.port });
    await new Promise((resolve) => socket.destroy().once('close', resolve));
  };
  await connectOnce();
  const pid = broker.process.pid;
  const before = broker.descriptors();
  const own = (): number => readdirSync('/proc/self/fd').length;
  const ownBefore = own();
  const pick = chance(SEED);
  let slowest = 0;
  let served = 0;
  let sessions = 0;
  const onFrame = async (sent: number): Promise<void> => {
    if (sent % SERVED_EACH !== 0) return;
    const start = performance.now();
    await connectOnce();
    served += 1;
    slowest = Math.max(slowest, performance.now() - start);
  };
  for (let sent = 0; sent < FRAMES; ) {
    sessions += 1;
    const ends = broker.process.openChannel('fuzz');
    setNonBlocking(ends.request.number, true);
    if (pick(20) > 0) writeOnce(ends.request.number, encodeRequest({ op: 'hello', version: 1 }));
    for (let open = true; open && sent < FRAMES; ) {
      const result = writeOnce(ends.request.number, hostileFrame(pick, sent % 5000));
      if (result === EAGAIN) await turn();
      else await onFrame(++sent);
      // Replies are read at some times and not at others. The end of the session shows here.
      if (result < 0 || pick(3) === 0) {
        const message = receiveMessage(ends.reply.number);
        if (typeof message !== 'number' && message.payload.length === 0) open = false;
      }
      // A slow broker tells of an end late: what follows an offence is then in vain.
      if (pick(50) === 0) open = false;
    }
    ends.request.close();
    ends.reply.close();
    // The supervisor, which is this process, keeps two descriptors of each session that a slow broker has not ended, and 64 sessions at most.
    while (own() > ownBefore + 64) await turn();
  }
  await connectOnce();
  assert.equal(broker.process.pid, pid, 'the same broker');
  for (let left = 200; broker.descriptors() > before && left > 0; left -= 1)
    await new Promise((next) => setTimeout(next, 10));
  assert.ok(broker.descriptors() <= before, `${broker.descriptors()} descriptors, ${before} before`);
  assert.equal(served, FRAMES / SERVED_EACH);
  const page = (await broker.process.metrics()) ?? '';
  for (const kind of ['malformed', 'oversized', 'too_deep', 'unknown_op', 'bad_shape', 'version']) {
    const count = Number(
      new RegExp(`postern_protocol_errors_total{plugin="fuzz",kind="${kind}"} (\\d+)`).exec(page)?.[1],
    );
    assert.ok(count > 0, `no ${kind} was counted`);
  }
  assert.match(page, /postern_protocol_errors_total{plugin="neighbour",kind="malformed"} 0/);
  console.log(
    `${sessions} sessions; the neighbour's slowest of ${served} connects took ${slowest.toFixed(1)} ms`,
  );
});
