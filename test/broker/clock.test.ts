// A wall clock that jumps by a day each way moves no time limit, no TTL and no rate of the broker.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jumpingClock } from '../harness/jumping-clock.js';
import { listen } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { startNameServer } from './name-server.js';
import { startBroker } from './start-broker.js';
import { openSocket } from './use-socket.js';

test('with a clock that jumps, names are kept, requests are served in time, and an unanswered one ends in its time', async (t) => {
  const dns = await startNameServer({
    'echo.test A': ['127.0.0.1'],
    'mute.test A': null,
    'mute.test AAAA': null,
  });
  t.after(() => dns.close());
  const broker = await startBroker({ dnsServers: [dns.address] }, { options: jumpingClock });
  t.after(() => broker.stop());
  const echo = await listen((socket) => socket.pipe(socket));
  t.after(() => echo.close());
  const limits = { requestsPerSecond: 20 };
  await broker.plugin('steady', { allow: ['*.test:*', '127.0.0.1:*'], limits });
  await broker.plugin('mute', { allow: ['*.test:443'] });
  const [channel, mute] = await Promise.all([broker.channel('steady'), broker.channel('mute')]);
  let ended = false;
  const started = performance.now();
  const quiet = mute.refusal('mute.test', 443, 2_000).finally(() => {
    ended = true;
  });
  let longest = 0;
  const served: number[] = [];
  const seconds = (): number => (performance.now() - started) / 1000;
  // On a busy machine it takes longer to come to the rate.
  while (seconds() < 5 || (served.length <= 40 && seconds() < 30 * PATIENCE)) {
    const begun = performance.now();
    const answer = await channel.connect(served.length % 2 === 0 ? '127.0.0.1' : 'echo.test', echo.port);
    openSocket(answer.descriptor).destroy();
    longest = Math.max(longest, performance.now() - begun);
    served.push(begun);
    if (performance.now() - started < 1_500) assert.equal(ended, false, 'a request ended before its time');
  }
  const most = (seconds() + 1) * limits.requestsPerSecond;
  assert.equal((await quiet).errno, 'EAI_AGAIN');
  // Past the rate a request waits for the next second.
  assert.ok(longest < 5_000 * PATIENCE, `a connect took ${longest} ms`);
  assert.ok(served.length > 40, `${served.length} connects`);
  assert.ok(served.length <= most, `${served.length} connects of ${most}`);
  assert.equal(dns.questions.filter((question) => question === 'echo.test A').length, 1);
  const days = new Set(broker.events.map(({ ts }) => String(ts).slice(0, 10)));
  assert.ok(days.size >= 2, 'the clock of the broker jumped');
  assert.equal(await broker.stop(), 0);
});
