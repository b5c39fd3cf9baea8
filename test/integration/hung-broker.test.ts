// A broker that hangs is noticed, shown by /healthz, and replaced. The plugins go on, and nothing is leaked.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { brokerOf, descriptorsOf } from '../harness/processes.js';
import { startSteadyUp } from '../harness/steady-up.js';
import { until } from '../harness/until.js';

// proves: a broker that hangs is replaced
for (const user of anyUser)
  test(`a broker that hangs is replaced, and its plugins go on (${user})`, async (t) => {
    const { child, pid, result, said, worked, health } = await startSteadyUp(t, user);
    await until(() => worked() > 3 || undefined, 30_000);
    const before = descriptorsOf(pid);
    const hung = await until(() => brokerOf(pid));
    process.kill(hung, 'SIGSTOP');
    await until(async () => ((await health()) === 503 ? true : undefined), 20_000);
    assert.equal(brokerOf(pid), hung, '/healthz tells of it before the broker is replaced');
    await until(() => (brokerOf(pid) ?? hung) !== hung || undefined, 30_000);
    const then = worked();
    await until(() => worked() > then + 3 || undefined, 30_000);
    await until(async () => ((await health()) === 200 ? true : undefined), 20_000);
    assert.match(said(), /the broker does not answer any more, and is replaced/);
    // The other plugin may be in the middle of a start.
    await until(() => descriptorsOf(pid) <= before + 2 || undefined, 20_000);
    child.kill('SIGTERM');
    assert.equal((await result).status, 0);
  });
