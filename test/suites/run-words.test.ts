import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasEnded } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';
import { endLeftovers, runWords } from './run-words.js';

const PATH = '/usr/bin:/bin';
/** Ends when its child has a session of its own. */
const LEAVES_ONE = `
setsid sh -c 'echo $$ >"$0"; exec sleep 1000' "$1" >/dev/null 2>&1 &
until [ -s "$1" ]; do sleep 0.01; done
cat "$1"
`;

test('a program that takes longer than its time is ended, with its children', async () => {
  const { stdout, timedOut } = await runWords(['sh', '-c', 'sleep 1000 & echo $!; wait'], {
    ...{ env: { PATH }, cwd: '/', seconds: 0.5 },
  });
  assert.ok(timedOut);
  await until(() => hasEnded(Number(stdout)) || undefined);
});

test('a program that ends in time has its status and its output', async () => {
  const ended = await runWords(['sh', '-c', 'echo out; echo err >&2; exit 3'], {
    ...{ env: { PATH }, cwd: '/', seconds: 60 },
  });
  assert.deepEqual(ended, { status: 3, timedOut: false, stdout: 'out\n', stderr: 'err\n' });
});

test('what left the group of a program is found by its environment and ended', async () => {
  const folder = join(readableFolder(), 'tmp');
  const { stdout } = await runWords(['sh', '-c', LEAVES_ONE, 'sh', join(readableFolder(), 'pid')], {
    ...{ env: { PATH, TMPDIR: folder }, cwd: '/', seconds: 60 },
  });
  assert.ok(!hasEnded(Number(stdout)));
  await until(() => {
    // While a process is in execve(2), its environment reads as empty.
    endLeftovers(folder);
    return hasEnded(Number(stdout)) || undefined;
  });
});
