// npm run prove: makes a build without each protection in turn, and shows that a test notices. Words choose protections; --json.
// The run fails if no test notices the loss of a protection, or if a build does not run at all.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../deploy/bundle.js';
import { type Mutation, mutate } from '../harness/mutant.js';
import { endLeftOvers, initTold } from './end-left-overs.js';
import type { Protection } from './protection.js';
import { protections } from './protections.js';

const dist = fileURLToPath(new URL('../..', import.meta.url));
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const json = process.argv.includes('--json');
/** A build without a protection may hang. The timeout makes that a failed test too. */
const TEST_MS = 45_000;
const LIMIT_MS = 60_000;

interface Proof {
  readonly name: string;
  /** How many tests failed. */
  readonly noticed: number;
  readonly ran: number;
  readonly seconds: number;
  /** Why it is no proof. */
  readonly problem?: string;
}

function buildWithout(mutations: readonly Mutation[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-prove-'));
  chmodSync(folder, 0o755);
  const top = dirname(dist.replace(/\/$/, ''));
  cpSync(dist, join(folder, 'dist'), { recursive: true });
  cpSync(join(top, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(top, 'node_modules'), join(folder, 'node_modules'));
  for (const mutation of mutations) mutate(join(folder, 'dist'), mutation);
  mutate(join(folder, 'dist'), initTold(folder));
  bundle(join(folder, 'dist'));
  return folder;
}

function startsAtAll(folder: string): boolean {
  const main = join(folder, 'dist/run/postern.js');
  const { status } = spawnSync(process.execPath, [main, 'run', '--', 'true'], { cwd: '/', timeout: 30_000 });
  return status === 0;
}

function runTests(folder: string, { tests, pattern }: Protection): Promise<{ failed: number; ran: number }> {
  const files = tests.map((name) => join(folder, 'dist/test', `${name}.test.js`));
  const options = [
    '--test',
    '--test-reporter=tap',
    `--test-timeout=${TEST_MS}`,
    `--test-name-pattern=${pattern}`,
  ];
  const child = spawn(process.execPath, [...options, ...files], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  let hung = 0;
  const timer = setTimeout(() => {
    hung = 1;
    child.kill('SIGKILL');
  }, LIMIT_MS);
  return new Promise((resolve) => {
    child.once('close', () => {
      clearTimeout(timer);
      const count = (line: string): number =>
        Number(new RegExp(`^# ${line} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
      const failed = count('fail') + count('cancelled') + hung;
      resolve({ failed, ran: count('pass') + failed });
    });
  });
}

/** Whether the protection holds alone, without others that hold the same. */
async function holdsAlone(protection: Protection): Promise<boolean> {
  if (protection.besides === undefined) return true;
  const folder = buildWithout(protection.besides);
  try {
    return startsAtAll(folder) && (await runTests(folder, protection)).failed === 0;
  } finally {
    endLeftOvers(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function prove(protection: Protection): Promise<Proof> {
  const { name } = protection;
  const began = performance.now();
  if (!(await holdsAlone(protection)))
    return { name, noticed: 0, ran: 0, seconds: 0, problem: 'it does not hold alone' };
  const folder = buildWithout([...(protection.besides ?? []), protection]);
  try {
    const starts = startsAtAll(folder);
    const closed = protection.failsClosed === true;
    const { failed, ran } = starts && !closed ? await runTests(folder, protection) : { failed: 0, ran: 0 };
    const problem =
      starts === closed
        ? `it ${starts ? 'starts' : 'does not start'}`
        : closed || failed > 0
          ? undefined
          : 'nobody noticed';
    const proof = { name, noticed: failed, ran, seconds: (performance.now() - began) / 1000 };
    return problem === undefined ? proof : { ...proof, problem };
  } finally {
    endLeftOvers(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

const all = protections.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
const proofs: Proof[] = [];
for (const protection of all) {
  const proof = await prove(protection);
  proofs.push(proof);
  if (json) continue;
  const verdict =
    proof.problem ?? (proof.ran === 0 ? 'nothing starts' : `${proof.noticed} of ${proof.ran} tests failed`);
  console.log(
    `${proof.problem === undefined ? 'noticed' : 'NOT NOTICED'}  ${proof.name}: ${verdict} (${proof.seconds.toFixed(0)} s)`,
  );
}
const failed = proofs.filter(({ problem }) => problem !== undefined).length;
console.log(json ? JSON.stringify(proofs) : `${proofs.length - failed} noticed, ${failed} not`);
process.exit(failed === 0 && proofs.length > 0 ? 0 : 1);
