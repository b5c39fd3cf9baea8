// A wall clock that jumps by a day each way, in the supervisor, the broker and all their threads: nothing expires, nobody waits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { distWithJumpingClock } from '../harness/jumping-clock.js';
import { brokerOf } from '../harness/processes.js';
import { startSteadyUp } from '../harness/steady-up.js';
import { until } from '../harness/until.js';

let dist: string | undefined;

for (const user of anyUser)
  test(`with a clock that jumps, plugins connect, restart and stop, and no broker is replaced (${user})`, async (t) => {
    dist ??= distWithJumpingClock();
    const up = await startSteadyUp(t, user, dist);
    const broker = await until(() => brokerOf(up.pid), 30_000);
    await until(() => up.worked() > 150 || undefined, 60_000);
    // The waits between restarts grow: three of them are a few seconds.
    await until(() => up.starts() > 3 || undefined, 60_000);
    assert.equal(brokerOf(up.pid), broker, 'the broker is the first one');
    assert.doesNotMatch(up.said(), /aborted/);
    assert.equal(await up.health(), 200);
    const days = new Set([...up.said().matchAll(/"ts":"(\d+-\d+-\d+)T/g)].map(([, day]) => day));
    assert.ok(days.size >= 2, `the clock jumped: ${[...days]}`);
    assert.doesNotMatch(up.said(), /Traceback/, 'no connect failed');
    up.child.kill('SIGTERM');
    assert.equal((await up.result).status, 0);
  });
