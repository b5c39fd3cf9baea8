// npm test, and the tests of npm run ok: runs the test files of a tier, or those whose path has one of the words.
//   --unit         only the files that start no sandbox
//   --as=both      each user, also where the property does not depend on the user
//   --as=other     where it does not, the user that the tests are not run as otherwise; nothing else that is for a user
//   --twins        also the tests that show that an attempt succeeds without protections
//   --only-twins   no others than these
//   --shard=I/N    the I-th of N parts
//   --at-once=N    how many files run at the same time
//   --json=FILE    the results, as JSON
//   --trace        notes which sources each file executes, for npm run tests-of
//   --lines        instead of the report a line of JSON for each test
//   --needs        runs nothing, and prints what the files need that a Debian with Node alone does not have. Without a word: the files of all tiers
// A file whose need is missing is not started, and counts as one skipped test.
// Exit status: 0 where all passed, 1 where a test failed or none ran (with CI=true also where one was skipped), 2 for wrong usage, an old Node and a full disk.
import './require-node.js';
import { writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measurePatience } from '../harness/patience.js';
import { withRoom } from './full-disk.js';
import { listNeeds } from './needs.js';
import type { TestEnd } from './run-file.js';
import { AT_ONCE, closingWords, countOf, describe, runFiles, wordsOfFailure } from './run-files.js';
import { hasTwins, shardOf, testFiles } from './test-files.js';

/** Longer than any file takes; a hang ends here. */
const FILE_LIMIT_MS = 60_000;
/** So many files that took the most processor time are named, in a run of more than so many. */
const [DEAREST, DEAREST_OF] = [12, 50];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    unit: { type: 'boolean', default: false },
    as: { type: 'string' },
    twins: { type: 'boolean', default: false },
    'only-twins': { type: 'boolean', default: false },
    shard: { type: 'string', default: '1/1' },
    'at-once': { type: 'string' },
    json: { type: 'string' },
    trace: { type: 'boolean', default: false },
    lines: { type: 'boolean', default: false },
    needs: { type: 'boolean', default: false },
  },
});
if (values.needs) {
  const all =
    positionals.length > 0 ? testFiles('gate', positionals) : [...testFiles('gate'), ...testFiles('deep')];
  for (const line of listNeeds(all)) console.log(line);
  process.exit(0);
}
const shard = shardOf(values.shard);
if (
  shard === undefined ||
  (values.as !== undefined && !['root', 'user', 'both', 'other'].includes(values.as))
) {
  console.error('Give --shard=I/N with 1 <= I <= N, and --as=root, --as=user, --as=both or --as=other');
  process.exit(2);
}
const onlyTwins = values['only-twins'];
const chosen = testFiles(values.unit ? 'unit' : 'gate', positionals);
const files = shard(onlyTwins ? chosen.filter(hasTwins) : chosen);
if (files.length === 0) {
  console.error(`No test file matches ${positionals.join(', ')}`);
  process.exit(2);
}
const atOnce = Math.min(Number(values['at-once'] ?? AT_ONCE), files.length);
// It needs the compiler, which takes a second to load.
const trees = values.trace ? (await import('../trace/trace-run.js')).traceRun(atOnce) : undefined;
const patience = measurePatience();
const began = performance.now();
const results = await runFiles(files, {
  words: [
    ...(values.as === undefined ? [] : [`--as=${values.as}`]),
    ...(values.twins || onlyTwins ? ['--twins'] : []),
  ],
  node: onlyTwins ? ['--test-only'] : [],
  atOnce,
  ...(trees && { trees }),
  // A file may have no test for the other user.
  mayBeEmpty: values.as === 'other',
  limitMs: FILE_LIMIT_MS * patience,
  onResult: (result, place) => {
    if (values.lines) {
      for (const test of result.tests) console.log(JSON.stringify(test));
      return;
    }
    // Who ends this run before its closing words still sees why a file failed.
    for (const line of [`${place}  ${describe(result)}`, ...wordsOfFailure(result)]) console.log(line);
  },
});
const { json } = values;
if (json !== undefined)
  withRoom(dirname(resolve(json)), () => writeFileSync(json, `${JSON.stringify(results)}\n`));
const seconds = (performance.now() - began) / 1_000;
const cpu = results.reduce((sum, { cpuSeconds = 0 }) => sum + cpuSeconds, 0);
const { passed, failed, skipped } = countOf(results.flatMap(({ tests }) => tests));
const isEmpty = passed + failed + skipped === 0;
// Who asked for one user left the tests of the other one out.
const ofAUser = values.as === undefined ? 0 : results.flatMap(({ tests }) => tests).filter(isOfAUser).length;
const skipFails = skipped > ofAUser && process.env['CI'] === 'true';
if (!values.lines) {
  console.log(
    `${files.length} files in ${seconds.toFixed(0)} s, ${cpu.toFixed(0)} s of processor time, patience ${patience}`,
  );
  if (files.length > DEAREST_OF) console.log(`Most of it: ${dearest(results)}`);
  if (skipFails) console.log('A skipped test is a failure here (CI=true)');
  if (isEmpty)
    console.log('No test ran: these files have none for the other user, or the tests do not run as root');
  for (const line of closingWords(results)) console.log(line);
}
process.exit(failed > 0 || skipFails || isEmpty ? 1 : 0);

function isOfAUser({ outcome, why = '' }: TestEnd): boolean {
  return outcome === 'skipped' && /^(?:is about a user|needs (?:a user|root))\b/.test(why);
}

/** Who wants a quicker run begins with these. */
function dearest(all: typeof results): string {
  return all
    .toSorted((one, other) => (other.cpuSeconds ?? 0) - (one.cpuSeconds ?? 0))
    .slice(0, DEAREST)
    .map(({ file, cpuSeconds = 0 }) => `${file} ${cpuSeconds.toFixed(0)} s`)
    .join(', ');
}
