// What the applications of these tests share: the library as an application imports it, and how a scene is played.
import { readdirSync, writeSync } from 'node:fs';
import type * as library from '../../sandbox/library/index.js';
import type { PluginSettings } from '../../sandbox/library/types.js';
import { childrenOf } from '../harness/processes.js';

type Library = typeof library;

export const BUNDLE: string = new URL('../../run/library.cjs', import.meta.url).href;
const imported = (await import(BUNDLE)) as Library;
export const createSupervisor: Library['createSupervisor'] = imported.createSupervisor;
export const spawn: Library['spawn'] = imported.spawn;
export const wrap: Library['wrap'] = imported.wrap;

export const python = (code: string, ...words: string[]): PluginSettings['command'] => [
  '/usr/bin/python3',
  '-c',
  code,
  ...words,
];

export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'nothing',
    (error: { readonly code?: string }) => error.code ?? String(error),
  );

export const descriptors = (): number => readdirSync('/proc/self/fd').length;

/** Every process that this one started, and theirs. */
export function descendants(pid: number = process.pid): readonly number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
}

export async function waitFor(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

export const print = (result: unknown): void => void writeSync(1, `${JSON.stringify(result)}\n`);

/** Plays the scene that the command line names, and prints its result as one line of JSON. */
export async function play(scenes: Readonly<Record<string, () => Promise<unknown>>>): Promise<void> {
  print(await scenes[process.argv[2] ?? '']?.());
}
