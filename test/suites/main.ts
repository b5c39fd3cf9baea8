// npm run suites [-- [--quick] [--json] [--write] NAME…]: other people's tests, outside and inside a sandbox. Exit status: 0 where they differ
// only as docs/differences.md lists it, 1 where the list is not true, 2 for wrong usage and where this host cannot run them.
import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LANDLOCK_UNIX, landlockVersion } from '../../shared/sys/landlock.js';
import { NotReady, needPackages } from '../harness/debian-packages.js';
import { type User, users } from '../harness/users.js';
import { type Figures, figuresOf } from './figures.js';
import { isListed, judge } from './judge.js';
import { readListed, withFigures } from './page.js';
import { Places } from './places.js';
import { type PartResult, runPart } from './run-part.js';
import { SUITES } from './suites.js';

const page = join(fileURLToPath(new URL('../../..', import.meta.url)), 'docs/differences.md');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const names = SUITES.flatMap(({ name, parts }) => [name, ...parts.map((part) => part.name)]);
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`There is no suite or part ${unknown.join(', ')}; there are ${names.join(', ')}`);
  process.exit(2);
}
const wanted = SUITES.map((suite) => {
  const named = suite.parts.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(suite.name) || positionals.includes(name),
  );
  return { suite, parts: named.filter(({ quick }) => quick === true || !values.quick) };
}).filter(({ parts }) => parts.length > 0);
if (wanted.length === 0) {
  console.error(`--quick leaves out ${positionals.join(', ')}`);
  process.exit(2);
}
// Running tests end with this process, and folders go.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
const listed = readListed(readFileSync(page, 'utf8'), landlockVersion() >= LANDLOCK_UNIX);
const began = performance.now();
const results: PartResult[] = [];
const figures: Figures[] = [];
try {
  for (const { suite } of wanted) needPackages(suite.packages());
} catch (error) {
  if (!(error instanceof NotReady)) throw error;
  console.error(error.message);
  process.exit(2);
}
for (const { suite, parts } of wanted) {
  const places = new Places();
  for (const [index, part] of parts.entries()) {
    const label = `${suite.name} ${index + 1}/${parts.length} ${part.name}`;
    const say = (text: string): void => {
      const seconds = ((performance.now() - began) / 1_000).toFixed(0);
      process.stderr.write(`${seconds.padStart(5)} s  ${label}: ${text}\n`);
    };
    const isKnown = (test: string, user: User): boolean => isListed(listed, suite.name, user, test);
    results.push(await runPart(suite, part, places, { startedBy: users, isKnown, say }));
  }
  figures.push(figuresOf(suite, suite.version(), results));
}
const judgement = judge(results, listed);
const { unlisted, stale, empty } = judgement;
const passed = unlisted.length + stale.length + empty.length === 0;
if (values.write)
  writeFileSync(
    page,
    withFigures(
      readFileSync(page, 'utf8'),
      SUITES.map(({ name }) => name),
      figures,
    ),
  );
if (values.json) process.stdout.write(`${JSON.stringify({ passed, figures, judgement, results })}\n`);
else {
  const line = (...cells: readonly (string | number)[]): void =>
    console.log(
      cells
        .map((cell) => String(cell).padEnd(12))
        .join('')
        .trimEnd(),
    );
  line('suite', 'version', 'compared', 'the same', 'differ');
  for (const one of figures) line(one.title, one.version, one.compared, one.same, one.differ);
  for (const { suite, test, startedBy, inside } of unlisted)
    console.log(
      `NOT LISTED: ${suite} ${test} (started by ${startedBy}): ${inside?.state ?? 'not run'}\n${inside?.why ?? ''}`,
    );
  for (const { suite, test, startedBy } of stale)
    console.log(`LISTED, and the same: ${suite} ${test} (started by ${startedBy})`);
  for (const part of empty) console.log(`NO TEST PASSES OUTSIDE: ${part}`);
}
process.exitCode = passed ? 0 : 1;
