// Copies of the checkout whose compiled modules count what runs, one for each test file that runs at the same time. Each has its own counters, so
// that the files are told apart. A copy consists of hard links, except for what counts.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../deploy/bundle.js';
import type { TestTree } from '../run/run-files.js';
import { COUNTERS, instrument } from './instrument.js';
import { type ModuleGraph, readGraph, withTables } from './module-graph.js';

const DIST = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const COUNTERS_SOURCE = fileURLToPath(new URL('./counters.js', import.meta.url));
/** In dist, which every tool leaves alone. */
const TREES = join(DIST, 'traced');

/**
 * Makes the trees, and removes them when the process ends.
 *
 * @param onRan takes the sources that a test file has executed, with their extension `.ts`
 */
export function makeTracedTrees(
  count: number,
  onRan: (test: string, sources: readonly string[]) => void,
): { readonly trees: readonly TestTree[]; readonly graph: ModuleGraph } {
  const graph = readGraph(DIST);
  const modules = [...graph.product.keys()];
  const texts = new Map(
    [...graph.product].map(([path, module], at) => {
      const counters = `${posix.relative(posix.dirname(`/${path}`), `/${COUNTERS}`)}.js`;
      const from = counters.startsWith('.') ? counters : `./${counters}`;
      return [path, instrument(module.text, module, { kind: module.kind, place: at + 1, counters: from })];
    }),
  );
  const shared = mkdtempSync(join(tmpdir(), 'postern-traced-'));
  const removeAll = (): void => {
    for (const folder of [TREES, shared]) rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', removeAll);
  // Another user's broker opens the counters.
  chmodSync(shared, 0o755);
  rmSync(TREES, { recursive: true, force: true });
  const zeros = Buffer.alloc(modules.length + 1);
  const trees = Array.from({ length: count }, (_, at): TestTree => {
    const file = join(shared, `${at + 1}`);
    writeFileSync(file, zeros);
    chmodSync(file, 0o666);
    const dist = linkCheckout(join(TREES, `${at + 1}`));
    for (const [path, text] of texts) replaceFile(join(dist, `${path}.js`), text);
    replaceFile(join(dist, `${COUNTERS}.js`), countersModule(file, zeros.length));
    bundle(dist);
    return {
      tests: join(dist, 'test'),
      begin: () => writeFileSync(file, zeros, { flag: 'r+' }),
      end: (test) => {
        const bytes = readFileSync(file);
        const ran = modules.filter((_path, at) => bytes[at + 1] === 1);
        onRan(
          test,
          withTables(graph, `test/${test}.test`, ran).map((path) => `${path}.ts`),
        );
      },
    };
  });
  return { trees, graph };
}

/** @returns its dist, without bundles */
function linkCheckout(top: string): string {
  const dist = join(top, 'dist');
  mkdirSync(dist, { recursive: true });
  link(dirname(DIST), ['dist', '.git'], top);
  link(DIST, ['traced', 'run'], dist);
  mkdirSync(join(dist, 'run'));
  return dist;
}

/** Links what is in a folder into another one. */
function link(from: string, without: readonly string[], to: string): void {
  const paths = readdirSync(from).filter((name) => !without.includes(name));
  const { status, stderr } = spawnSync('cp', ['-al', ...paths.map((name) => join(from, name)), to], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`Cannot link the checkout: ${stderr.slice(0, 500)}`);
}

/** The old content may be linked elsewhere. */
function replaceFile(path: string, text: string): void {
  rmSync(path, { force: true });
  writeFileSync(path, text);
}

/** counters.ts for a file. */
export function countersModule(file: string, bytes: number): string {
  return readFileSync(COUNTERS_SOURCE, 'utf8')
    .replace("'@COUNTERS_FILE@'", () => JSON.stringify(file))
    .replace("'@COUNTERS_RUNNER@'", `${process.pid}`)
    .replace("'@COUNTERS_BYTES@'", () => `${bytes}`);
}
