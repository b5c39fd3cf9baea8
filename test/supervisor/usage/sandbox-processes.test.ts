// The processes of a plugin are summed up, and no others; however many there are, few files are read.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { sumProcesses } from '../../../sandbox/supervisor/usage/sandbox-use.js';
import { pageBytes, ticksPerSecond } from '../../../shared/sys/rlimit.js';
import { until } from '../../harness/until.js';

function python(
  t: TestContext,
  program: string,
): { readonly child: ChildProcess; readonly said: () => string } {
  const child = spawn('/usr/bin/python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout?.on('data', (part: Buffer) => {
    said += part;
  });
  return { child, said: () => said };
}

/** Ends with its parent, which ends when its stdin does. */
const CHILDREN = (count: number, work: string): string => `
import os, sys, threading, time
def child():
${work}
    os.read(0, 1)
    os._exit(0)
for _ in range(${count}):
    if os.fork() == 0:
        child()
print("ready", flush=True)
os.read(0, 1)
`;

test('memory and processor time of all descendants are summed up, also of a child of another thread', async (t) => {
  const program = `
import os, threading, time
def hold(mib):
    if os.fork() == 0:
        kept = b"x" * (mib << 20)
        end = time.process_time() + 0.3
        while time.process_time() < end: pass
        print("ready", flush=True)
        os.read(0, 1)
        os._exit(0)
hold(40)
other = threading.Thread(target=lambda: (hold(60), time.sleep(600)), daemon=True)
other.start()
os.read(0, 1)
`;
  const { child, said } = python(t, program);
  await until(() => said().split('ready').length === 3 || undefined);
  const [pid = 0] = [child.pid];
  const sum = await sumProcesses([pid]);
  assert.ok(sum?.isWhole);
  const mib = (sum.pages * pageBytes()) / 2 ** 20;
  assert.ok(mib > 100 && mib < 300, `${mib} MiB`);
  const seconds = sum.ticks / ticksPerSecond();
  assert.ok(seconds > 0.5 && seconds < 30, `${seconds} s`);
  const own = await sumProcesses([process.pid]);
  assert.ok((own?.pages ?? 0) > sum.pages, 'a descendant of this process');
  child.stdin?.end('xxx');
});

test('past the bound the rest is left out, and the sum says so', async (t) => {
  const { child, said } = python(t, CHILDREN(40, '    pass'));
  await until(() => said().includes('ready') || undefined);
  const [pid = 0] = [child.pid];
  const all = await sumProcesses([pid]);
  const part = await sumProcesses([pid], 20);
  assert.ok(all?.isWhole === true && part?.isWhole === false);
  assert.ok(part.pages < all.pages);
  child.stdin?.end('x'.repeat(41));
});

// proves: top: a sandbox with many processes costs a bounded time
test('past the bound the threads of one process are left out too', async (t) => {
  const { child, said } = python(
    t,
    `
import os, threading, time
for _ in range(60):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print("ready", flush=True)
os.read(0, 1)
`,
  );
  await until(() => said().includes('ready') || undefined);
  const [pid = 0] = [child.pid];
  assert.equal((await sumProcesses([pid]))?.isWhole, true);
  assert.equal((await sumProcesses([pid], 30))?.isWhole, false);
  child.stdin?.end('x');
});

test('other work goes on while a large sandbox is read', async (t) => {
  const { child, said } = python(t, CHILDREN(100, '    pass'));
  await until(() => said().includes('ready') || undefined);
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await sumProcesses([child.pid ?? 0]);
  isOver = true;
  // Two files for each process.
  assert.ok(turns >= 5, `${turns} turns`);
  child.stdin?.end('x'.repeat(101));
});

test('a process that is gone, and what is no descendant, counts for nothing', async (t) => {
  const { child, said } = python(t, CHILDREN(0, '    pass'));
  await until(() => said().includes('ready') || undefined);
  const [pid = 0] = [child.pid];
  assert.ok((await sumProcesses([pid])) !== undefined);
  child.stdin?.end('x');
  await until(async () => ((await sumProcesses([pid])) === undefined ? true : undefined));
});
