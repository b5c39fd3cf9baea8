import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, fstatSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ownPrivileges } from '../../../sandbox/host/privileges.js';
import { keepEarly, takeBroker } from '../../../sandbox/supervisor/broker/early-broker.js';
import type { ForkedBroker } from '../../../sandbox/supervisor/broker/fork-broker.js';
import { forkEarly } from '../../../sandbox/supervisor/fork-early.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';

const as = ownPrivileges();
const isOpen = (fd: number): boolean => existsSync(`/proc/self/fd/${fd}`);

function forked(): ForkedBroker {
  const broker = forkEarly();
  assert.ok(broker);
  return broker;
}

const descriptorsOf = ({ packets, lines, words }: ForkedBroker): readonly number[] => [
  packets,
  lines.from,
  lines.to,
  words,
];

async function end(broker: ForkedBroker): Promise<void> {
  const { child } = broker;
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  for (const fd of descriptorsOf(broker)) if (isOpen(fd)) new OwnedFd(fd).close();
}

// proves: the main thread reads no socket of a broker
test('a broker writes lines and words into pipes, which carry no descriptors', async () => {
  const broker = forked();
  const { lines, words } = broker;
  for (const fd of [lines.from, lines.to, words]) assert.ok(fstatSync(fd).isFIFO());
  await end(broker);
});

test('takeBroker() takes the broker that is kept, once, and forks another one afterwards', async () => {
  const early = forked();
  keepEarly(early);
  assert.equal(takeBroker(as), early);
  const next = takeBroker(as);
  assert.notEqual(next.child.pid, early.child.pid);
  await end(early);
  await end(next);
});

test('takeBroker() forks another one where the kept one has ended', async () => {
  const early = forked();
  early.child.kill('SIGKILL');
  await once(early.child, 'exit');
  keepEarly(early);
  const taken = takeBroker(as);
  assert.notEqual(taken.child.pid, early.child.pid);
  await end(taken);
  assert.deepEqual(descriptorsOf(early).filter(isOpen), [], 'its descriptors are closed too');
});

test('takeBroker() ends the kept one if another kind is wanted', async () => {
  const early = forked();
  const gone = once(early.child, 'exit');
  keepEarly({ ...early, as: 'confined-root' });
  const taken = takeBroker(as);
  assert.notEqual(taken.child.pid, early.child.pid);
  assert.deepEqual(await gone, [null, 'SIGKILL']);
  await end(taken);
});

const module = (name: string): string =>
  JSON.stringify(new URL(`../../../sandbox/supervisor/${name}.js`, import.meta.url).href);

test('a kept one that could not be spawned ends no other process', async () => {
  const program = `import { spawn } from 'node:child_process';
    import { openSync } from 'node:fs';
    import { keepEarly, takeBroker } from ${module('broker/early-broker')};
    const child = spawn('/no/such/program');
    child.on('error', () => {});
    const open = () => openSync('/dev/null');
    keepEarly({ child, as: '${as}', packets: open(), lines: { from: open(), to: open() }, words: open() });
    takeBroker('${as}').child.kill('SIGKILL');
    console.log('still here');`;
  // A group of its own, which a mistake would kill.
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = child.stdout.setEncoding('utf8').toArray();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.deepEqual(await said, ['still here\n']);
});

test('a process that takes no broker ends all the same, and its broker with it', async () => {
  const program = `import { keepEarly } from ${module('broker/early-broker')};
    import { forkEarly } from ${module('fork-early')};
    const early = forkEarly();
    keepEarly(early);
    console.log(early.child.pid);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  const pid = Number(stdout);
  assert.ok(pid > 1, stdout);
  assert.ok(!existsSync(`/proc/${pid}`), 'it has ended before');
});

test('who made the user namespace of brokers has ended when the process has', async () => {
  const program = `import { readFileSync } from 'node:fs';
    import { userNamespace } from ${module('broker/user-namespace')};
    userNamespace();
    const [holder] = readFileSync('/proc/self/task/' + process.pid + '/children', 'latin1').split(' ');
    // It cannot end by itself.
    process.kill(Number(holder), 'SIGSTOP');
    console.log(holder);
    process.exit();`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  const pid = Number(stdout);
  assert.ok(pid > 1, stdout);
  const isLeft = existsSync(`/proc/${pid}`);
  if (isLeft) process.kill(pid, 'SIGKILL');
  assert.ok(!isLeft, 'it is left');
});

// Only root may choose such a priority.
if (as === 'root')
  test('under SCHED_FIFO all threads of the process and its broker take turns, or are ordinary ones', async () => {
    const program = `import { forkEarly } from ${module('fork-early')};
      import { readdirSync, readFileSync } from 'node:fs';
      const early = forkEarly();
      const policies = [process.pid, early.child.pid].flatMap((pid) =>
        readdirSync('/proc/' + pid + '/task').map(
          (thread) => readFileSync('/proc/' + pid + '/task/' + thread + '/stat', 'latin1').split(') ')[1].split(' ')[38],
        ),
      );
      console.log(...new Set(policies));
      early.child.kill('SIGKILL');
      process.exit();`;
    const node = [process.execPath, '--input-type=module', '--eval', program];
    const RR = '2';
    const OTHER = '0';
    const policiesOf = async (...words: readonly string[]): Promise<string> =>
      (await promisify(execFile)('chrt', ['--fifo', '10', ...words, ...node])).stdout.trim();
    assert.equal(await policiesOf(), RR);
    assert.equal(await policiesOf('setpriv', '--inh-caps=-all', '--bounding-set=-sys_nice'), OTHER);
  });
