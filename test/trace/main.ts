// npm run tests-of FILE…: names the test files that execute a source, by the last traced run. Code inside a sandbox is not traced.
//   --untested   the sources that no test executes
// Exit status: 0, or 2 if no run was traced or for wrong usage.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { testFiles } from '../run/test-files.js';
import { describeGaps, describeTests, describeUntested, sourceOf } from './describe-tests.js';
import { readRecord } from './record.js';

const TOP = fileURLToPath(new URL('../../..', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { untested: { type: 'boolean', default: false } },
});
const record = readRecord();
if (positionals.length === 0 && !values.untested) {
  console.error('Give sources, such as broker/trap/handle-trap.ts, or --untested');
  process.exit(2);
}
if (record === undefined) {
  console.error('No run was traced yet. This traces one: npm test -- --trace');
  process.exit(2);
}
for (const path of positionals) {
  const source = sourceOf(path, TOP, process.cwd());
  for (const line of describeTests(record, source, existsSync(join(TOP, source)))) console.log(line);
}
if (values.untested) for (const line of describeUntested(record)) console.log(line);
for (const line of describeGaps(record, testFiles('gate'))) console.error(line);
