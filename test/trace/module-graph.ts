// The compiled modules of a tree: what kind each is, and which import which.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { PROGRAMS } from '../../deploy/bundle-programs.js';
import { type ModuleKind, type ModuleText, readModule } from './instrument.js';

/** The folders of the product. The tests are only read for what they import. */
const ROOMS = ['broker', 'deploy', 'sandbox', 'shared'] as const;

interface ProductModule extends ModuleText {
  readonly kind: ModuleKind;
  readonly text: string;
}

export interface ModuleGraph {
  /** By their paths below dist, without `.js`. */
  readonly product: ReadonlyMap<string, ProductModule>;
  /** Of each module of product and tests, what it imports. */
  readonly imports: ReadonlyMap<string, readonly string[]>;
}

export function readGraph(dist: string): ModuleGraph {
  const texts = new Map<string, string>();
  for (const room of [...ROOMS, 'test'])
    for (const path of readdirSync(join(dist, room), { recursive: true, encoding: 'utf8' }))
      if (path.endsWith('.js'))
        texts.set(`${room}/${path.slice(0, -'.js'.length)}`, readFileSync(join(dist, room, path), 'utf8'));
  return graphOf(texts);
}

/** @param texts of the modules, by their paths below dist, without `.js` */
export function graphOf(texts: ReadonlyMap<string, string>): ModuleGraph {
  const read = new Map([...texts].map(([path, text]) => [path, readModule(text)]));
  const imports = new Map([...read].map(([path, module]) => [path, within(path, module.imports)]));
  const effects = new Set([...read].flatMap(([path, module]) => within(path, module.effects)));
  const imported = new Set([...imports.values()].flat());
  const programs = new Set(Object.values(PROGRAMS));
  const kindOf = (path: string, { isEmpty, exportsCode }: ModuleText): ModuleKind => {
    if (isEmpty) return 'types';
    if (programs.has(path) || effects.has(path) || !imported.has(path)) return 'program';
    return exportsCode ? 'functions' : 'table';
  };
  const product = new Map<string, ProductModule>();
  for (const [path, module] of read)
    if (!path.startsWith('test/'))
      product.set(path, { ...module, kind: kindOf(path, module), text: texts.get(path) ?? '' });
  return { product, imports };
}

const within = (path: string, specifiers: readonly string[]): readonly string[] =>
  specifiers.map((specifier) => posix.join(posix.dirname(path), specifier).replace(/\.js$/, ''));

/**
 * Adds the tables to what ran.
 *
 * @param test a path below dist, without `.js`. It imports tables too, and so do the modules of tests that it imports
 * @param ran what the counters say
 * @returns the modules of the product that ran, in order
 */
export function withTables(
  { product, imports }: ModuleGraph,
  test: string,
  ran: readonly string[],
): string[] {
  const all = new Set([test, ...ran]);
  // A set goes on to what is added meanwhile.
  for (const path of all)
    for (const imported of imports.get(path) ?? [])
      if (imported.startsWith('test/') || product.get(imported)?.kind === 'table') all.add(imported);
  return [...all].filter((path) => product.has(path)).sort();
}
