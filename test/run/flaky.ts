// npm run flaky [-- --rounds N] [--load N] [WORD…]: runs every file of npm test again and again beside busy loops, and lists what failed once. A test
// that judges by time fails here sooner or later. Exit status: 0 where nothing failed, 1 where something did, 2 for wrong usage.
import './require-node.js';
import { type ChildProcess, spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { measurePatience } from '../harness/patience.js';
import type { TestEnd } from './run-file.js';
import { closingWords, describe, runFiles } from './run-files.js';
import { testFiles } from './test-files.js';

/** Longer than any file takes beside the loops; a hang ends here. */
const FILE_LIMIT_MS = 120_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    load: { type: 'string', default: '2' },
  },
});
const [rounds, load] = [Number(values.rounds), Number(values.load)];
const files = testFiles('gate', positionals);
if (!(rounds >= 1) || !(load >= 0) || files.length === 0) {
  console.error(
    'Give --rounds N (1 or more), --load N (0 or more), and words that occur in paths of test files',
  );
  process.exit(2);
}
const patience = measurePatience();
const failed = new Map<string, TestEnd[]>();
const loops = Array.from({ length: load }, startLoop);
process.once('exit', () => {
  for (const loop of loops) loop.kill('SIGKILL');
});
for (let round = 1; round <= rounds; round += 1) {
  // Another order each time, so that other files run beside each other.
  const start = Math.floor((files.length * (round - 1)) / rounds);
  const results = await runFiles([...files.slice(start), ...files.slice(0, start)], {
    limitMs: FILE_LIMIT_MS * patience,
    onResult: (result, place) => {
      const ends = result.tests.filter(({ outcome }) => outcome === 'failed');
      if (ends.length > 0) console.log(`round ${round}, ${place}  ${describe(result)}`);
      for (const { test, why = '' } of ends) console.log(`  ${test}\n    ${why.replaceAll('\n', '\n    ')}`);
    },
  });
  for (const test of results.flatMap(({ tests }) => tests)) {
    const key = `${test.file}: ${test.test}`;
    if (test.outcome === 'failed') failed.set(key, [...(failed.get(key) ?? []), test]);
  }
  console.log(`round ${round} of ${rounds}: ${closingWords(results).at(-1)}`);
}
for (const [name, ends] of failed) console.log(`${name}: failed ${ends.length} of ${rounds} times`);
console.log(
  failed.size === 0 ? `Nothing failed in ${rounds} rounds` : `${failed.size} tests failed once or more`,
);
process.exit(failed.size === 0 ? 0 : 1);

/** A process that uses a processor until it is ended, or until this process is gone. */
function startLoop(): ChildProcess {
  const source = 'for (;;) { for (let n = 0; n < 1e9; n += 1); if (process.ppid === 1) break; }';
  return spawn(process.execPath, ['-e', source], { stdio: 'ignore' });
}
