// What a control group says about its processes. The files are written by the test: integration/cgroup tries it in a real group.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SandboxCgroup } from '../../../sandbox/supervisor/cgroup/sandbox-cgroup.js';
import { Records } from '../../../sandbox/supervisor/record/records.js';
import { limitsOf } from '../../../shared/config/limit-forms.js';
import { freePort } from '../../harness/free-port.js';
import { readableFolder } from '../../harness/users.js';

test('a control group says what its processes use of memory and processor, until it is gone', () => {
  const folder = join(readableFolder(), 'group');
  const cgroup = new SandboxCgroup(folder, limitsOf({}));
  assert.equal(cgroup.use(), undefined, 'the kernel does not say');
  writeFileSync(join(folder, 'memory.current'), '1048576\n');
  writeFileSync(join(folder, 'cpu.stat'), 'usage_usec 2500000\nuser_usec 2000000\nnr_throttled 3\n');
  assert.deepEqual(cgroup.use(), { memoryBytes: 1_048_576, cpuSeconds: 2.5 });
  rmSync(folder, { recursive: true });
  assert.equal(cgroup.use(), undefined);
});

test('the metrics of a sandbox exist for a plugin whose control group was read, and for no other', async () => {
  const records = new Records();
  const port = await freePort();
  let updates = 0;
  const none = { onDropped: () => {}, onRoom: () => {}, onNotice: () => {}, heartbeatAge: () => undefined };
  const update = (): void => {
    updates += 1;
    records.sandboxUsed('limited', 5_000, 1.5);
  };
  const broker = { brokerPid: () => undefined, brokerMetrics: async () => '', states: () => [] };
  await records.open(undefined, `127.0.0.1:${port}`, { ...none, ...broker, update });
  for (const name of ['limited', 'free']) records.addPlugin(name);
  const page = async (): Promise<readonly string[]> => {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
    return (await answer.text()).split('\n').filter((line) => line.startsWith('postern_sandbox_'));
  };
  assert.deepEqual(await page(), [
    'postern_sandbox_memory_bytes{plugin="limited"} 5000',
    'postern_sandbox_cpu_seconds_total{plugin="limited"} 1.5',
  ]);
  records.sandboxUsed('limited', 0, 0);
  records.removePlugin('free');
  await new Promise((resolve) => setTimeout(resolve, 10));
  const [, cpu] = await page();
  assert.equal(cpu, `postern_sandbox_cpu_seconds_total{plugin="limited"} ${1.5 * updates}`);
  records.removePlugin('limited');
  await records.close();
});
