// npm run prove -- [WORD…] [--json] [--slice I/N]: makes a build without each protection in turn, and shows that a test notices. Words choose
// protections by name, guarantee, source or test file. A slice is every Nth one, from the Ith on.
// The run fails if no test notices the loss of a protection, or if a build does not run at all. What failed is tried once more, with no other build beside it: a
// build without a protection can keep a neighbour from starting, and a race is won less often on a busy machine.
import { execFile, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import PQueue from 'p-queue';
import { bundlesOf } from '../../deploy/bundle.js';
import { type User, users } from '../harness/users.js';
import { findChanges, type Wanted } from '../mutation/find-changes.js';
import { MUTANT, mutateDist } from '../mutation/mutate-dist.js';
import { endLeftOvers, initTold } from './end-left-overs.js';
import { needsBundles } from './needs-bundles.js';
import { type Protection, protectionsOf, type TestsOfFile } from './protections.js';

const dist = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const top = dirname(dist);
const SOURCES = ['broker', 'deploy', 'sandbox', 'shared', 'test', 'tsconfig.json', 'node_modules'];
const isRoot = users.includes('root');
/** A build without a protection may hang. That is a failed test too. */
const LIMIT_MS = 60_000;
/** How long the rest of a file has once a test has failed. */
const AFTER_FAILURE_MS = 5_000;
/** A build without a protection waits much: for what never comes. */
const AT_ONCE = 2;
/** How long one of them keeps the next one from beginning. */
const LANE_MS = 15_000;
/** As test/harness/patience.ts keeps it. A test that waits for what never comes ends within the limit, and says so. */
const PATIENCE = 1;
/** A test that is a race wins it mostly, and not always. */
const ROUNDS = 3;
/** Where more have failed, the machine's load is not the cause. */
const MAX_AGAIN = 3;

interface Proof {
  readonly name: string;
  /** The test that noticed, or why no test can run. */
  readonly noticed?: string;
  readonly seconds: number;
  /** Why it is no proof. */
  readonly problem?: string;
  /** It was tried once more, and this is why. */
  readonly before?: string;
}

interface Build {
  readonly folder: string;
  /** Whether a program differs. Otherwise only tests of modules can notice. */
  readonly hasPrograms: boolean;
}

const run = promisify(execFile);

/** Links are made much faster than copies. What postern runs is copied: it looks whether a file has a second name. */
const COPY = `mkdir "$1" && cp -Rl . "$1" &&
  find broker deploy run sandbox shared -type f ! -name '*.map' ! -name '*.d.ts' -exec cp -p --remove-destination --parents -t "$1" {} +`;

async function buildWithout(wanted: readonly Wanted[], bundles: boolean): Promise<Build> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-prove-'));
  chmodSync(folder, 0o755);
  await run('sh', ['-c', COPY, 'sh', join(folder, 'dist')], { cwd: dist });
  cpSync(join(top, 'package.json'), join(folder, 'package.json'));
  for (const name of SOURCES) symlinkSync(join(top, name), join(folder, name));
  const files = [...new Set(findChanges(top, wanted).map(({ marker }) => marker.file))];
  const hasPrograms = bundles && bundlesOf(dist, files).length > 0;
  const all = hasPrograms ? [...wanted, initTold(folder)] : wanted;
  writeFileSync(join(folder, MUTANT), JSON.stringify(all));
  const patience = join(folder, 'dist/test/harness/patience.json');
  rmSync(patience, { force: true });
  writeFileSync(patience, JSON.stringify(PATIENCE));
  mutateDist(top, join(folder, 'dist'), findChanges(top, all), hasPrograms);
  return { folder, hasPrograms };
}

function remove({ folder }: Build): void {
  endLeftOvers(folder);
  rmSync(folder, { recursive: true, force: true });
}

/** @returns why nothing starts, or undefined where a program does */
async function whyNothingStarts({ folder, hasPrograms }: Build): Promise<string | undefined> {
  if (!hasPrograms) return undefined;
  const main = join(folder, 'dist/run/postern.js');
  return run(process.execPath, [main, 'run', '--', 'true'], { cwd: '/', timeout: 30_000 }).then(
    () => undefined,
    (error: unknown) => String(error),
  );
}

interface Outcome {
  readonly failed: number;
  readonly ran: number;
  /** It was killed before a test had failed. */
  readonly hung: boolean;
}

function runTests(
  folder: string,
  { file, patterns }: TestsOfFile,
  user: User,
  ...words: readonly string[]
): Promise<Outcome> {
  const options = ['--test-reporter=tap', ...patterns.map((pattern) => `--test-name-pattern=${pattern}`)];
  const test = join(folder, 'dist', file.replace(/\.ts$/, '.js'));
  const child = spawn(process.execPath, [...options, test, `--as=${user}`, ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  let hung = false;
  const end = (): void => {
    hung = true;
    endLeftOvers(folder);
  };
  let timer = setTimeout(end, LIMIT_MS);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const before = failuresIn(output);
    output += text;
    if (before > 0 || failuresIn(output) === 0) return;
    // Other tests may wait for what the mutant never does.
    clearTimeout(timer);
    timer = setTimeout(end, AFTER_FAILURE_MS);
  });
  return new Promise((resolve) => {
    child.once('close', (status) => {
      clearTimeout(timer);
      const failed = failuresIn(output);
      const passed = output.match(/^ok (?!.*# SKIP)/gm)?.length ?? 0;
      // A file that does not load, or hangs, tells of no test.
      const isBroken = status !== 0 && failed === 0;
      resolve({ failed: failed + (isBroken ? 1 : 0), ran: passed + failed, hung: hung && isBroken });
    });
  });
}

function failuresIn(tap: string): number {
  return tap.match(/^not ok /gm)?.length ?? 0;
}

/** @returns which test noticed, or undefined and what ran */
async function notice(build: Build, protection: Protection): Promise<{ by?: string; ran: number }> {
  const order: readonly User[] = protection.asRoot ? ['root', 'user'] : ['user', 'root'];
  let ran = 0;
  const each = order.filter((one) => users.includes(one));
  for (const user of Array.from({ length: ROUNDS }, () => each).flat())
    for (const proof of protection.proofs) {
      let outcome = await runTests(build.folder, proof, user);
      // Some are proved by a test of what succeeds without other protections.
      if (outcome.ran + outcome.failed === 0) outcome = await runTests(build.folder, proof, user, '--twins');
      ran += outcome.ran;
      if (outcome.failed > 0) {
        const how = outcome.hung ? 'hung' : `${outcome.failed} of ${outcome.ran} tests failed`;
        return { by: `${proof.file} as ${user}: ${how}`, ran };
      }
    }
  return { ran };
}

/** Whether the protection holds alone, without others that hold the same. */
async function holdsAlone(protection: Protection): Promise<boolean> {
  if (protection.besides.length === 0) return true;
  const build = await buildWithout(protection.besides, true);
  try {
    return (
      (await whyNothingStarts(build)) === undefined && (await notice(build, protection)).by === undefined
    );
  } finally {
    remove(build);
  }
}

async function prove(protection: Protection): Promise<Proof> {
  const { name, besides, failsClosed, proofs } = protection;
  const began = performance.now();
  const proof = (rest: Pick<Proof, 'noticed' | 'problem'>): Proof => ({
    name,
    seconds: (performance.now() - began) / 1000,
    ...rest,
  });
  if (!(await holdsAlone(protection))) return proof({ problem: 'it does not hold alone' });
  const bundles =
    failsClosed || proofs.some(({ file }) => needsBundles(join(dist, file.replace(/\.ts$/, '.js'))));
  const build = await buildWithout([...besides, name], bundles);
  try {
    const why = await whyNothingStarts(build);
    if (failsClosed)
      return proof(why === undefined ? { problem: 'it starts' } : { noticed: 'nothing starts' });
    if (why !== undefined) return proof({ problem: `it does not start: ${why}` });
    const { by, ran } = await notice(build, protection);
    if (by !== undefined) return proof({ noticed: by });
    const files = proofs.map(({ file }) => file).join(', ');
    return proof({
      problem: ran === 0 ? `no test ran: ${files}` : `nobody noticed: ${ran} tests passed in ${files}`,
    });
  } finally {
    remove(build);
  }
}

function tell({ name, noticed, problem, before, seconds }: Proof): void {
  if (json) return;
  const verdict = problem === undefined ? 'noticed' : 'NOT NOTICED';
  const again = before === undefined ? '' : ', alone';
  console.log(`${verdict}  ${name}: ${problem ?? noticed} (${seconds.toFixed(1)} s${again})`);
}

const words: string[] = [];
let slice = { first: 1, of: 1 };
let json = false;
const given = process.argv.slice(2);
for (let word = given.shift(); word !== undefined; word = given.shift()) {
  const [, first, of] = /^(\d+)\/(\d+)$/.exec(word === '--slice' ? (given.shift() ?? '') : '') ?? [];
  if (first !== undefined) slice = { first: Number(first), of: Number(of) };
  else if (word === '--json') json = true;
  else if (word.startsWith('--')) throw new Error(`Unknown option or value: ${word}`);
  else words.push(word);
}

const all = protectionsOf(top)
  .filter(({ asRoot }) => isRoot || !asRoot)
  .filter(
    ({ name, guarantee, proofs }) =>
      words.length === 0 ||
      words.some(
        (word) => name.includes(word) || guarantee === word || proofs.some(({ file }) => file.includes(word)),
      ),
  )
  .filter((_, index) => index % slice.of === slice.first - 1);
const proofs = new Map<Protection, Proof>();
const queue = new PQueue({ concurrency: AT_ONCE });
const begun: Promise<void>[] = [];
for (const protection of all)
  queue.add(async () => {
    const proven = prove(protection).then((proof) => {
      proofs.set(protection, proof);
      tell(proof);
    });
    begun.push(proven);
    // One whose test waits for what never comes takes no processor: the next one begins.
    await Promise.race([proven, after(LANE_MS, undefined, { ref: false })]);
  });
await queue.onIdle();
await Promise.all(begun);
const isFailed = ({ problem }: Proof): boolean => problem !== undefined;
const failedOnce = [...proofs].filter(([, proof]) => isFailed(proof));
if (failedOnce.length <= MAX_AGAIN)
  for (const [protection, { problem = '' }] of failedOnce) {
    const proof = { ...(await prove(protection)), before: problem };
    proofs.set(protection, proof);
    tell(proof);
  }
const told = [...proofs.values()];
const failed = told.filter(isFailed);
if (json) console.log(JSON.stringify(told));
else {
  console.log(`${told.length - failed.length} noticed, ${failed.length} not`);
  for (const { name, problem } of failed) console.log(`  ${name}: ${problem}`);
}
process.exit(failed.length === 0 && told.length > 0 ? 0 : 1);
