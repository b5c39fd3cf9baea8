// Makes a compiled tree with one wrong line, to show that a test notices it.
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundle } from '../../deploy/bundle.js';
import { distFor, readableFolder } from './users.js';

export interface Mutation {
  /** Below dist, without its extension. */
  readonly file: string;
  /** `.js` by default. */
  readonly extension?: string;
  readonly imports?: string;
  /** Must occur exactly once in the compiled file. */
  readonly right: string;
  readonly wrong: string;
}

/** Applies the mutations to a compiled tree. */
export function mutate(dist: string, { file, extension = '.js', imports, right, wrong }: Mutation): void {
  const path = join(dist, `${file}${extension}`);
  const source = readFileSync(path, 'utf8');
  if (source.split(right).length !== 2) throw new Error(`Not found once in ${file}: ${right}`);
  const mutant = source.replace(right, () => wrong);
  writeFileSync(path, imports === undefined ? mutant : `${imports}\n${mutant}`);
}

/** @returns a separate dist with the mutations, which every user may read */
export function mutantDist(...mutations: readonly Mutation[]): string {
  const whole = dirname(distFor('user'));
  const folder = readableFolder();
  const dist = join(folder, 'dist');
  for (const room of ['broker', 'deploy', 'sandbox', 'shared', 'test/harness', 'test/broker'])
    cpSync(join(whole, 'dist', room), join(dist, room), { recursive: true });
  cpSync(join(whole, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(whole, 'node_modules'), join(folder, 'node_modules'));
  for (const mutation of mutations) mutate(dist, mutation);
  bundle(dist);
  return dist;
}
