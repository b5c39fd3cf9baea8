// A program of the operator's that runs outside of every sandbox: that of `ask.hook`, which answers questions about unknown destinations, or the `command` of
// a secret. Read in the supervisor. It is trusted, and so is what it loads: no plugin may write there. So it neither starts in a folder of the configuration
// nor finds programs by the starter's PATH: interpreters load modules from the one, and any folder may stand in the other.
import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { statOf } from '../read-file.js';
import type { ConfigProblem } from './config-problem.js';
import type { KeyPath, YamlSource } from './yaml-source.js';

/** The PATH of the program, and where it is looked up. */
export const HOOK_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface HookCommand {
  /** The program and its arguments. Those that name a file of the configuration's folder are absolute paths. */
  readonly command: readonly string[];
  /** The program, and the files and folders among its arguments: a script. */
  readonly files: readonly string[];
}

/**
 * @param words as written: the program is found by {@link HOOK_PATH}, or is a path relative to the folder
 * @returns undefined if the program is not found
 */
export function findHook(words: readonly string[], folder: string): HookCommand | undefined {
  const [written = '', ...rest] = words;
  const program = written.includes('/') ? resolve(folder, written) : findByPath(written);
  if (program === undefined || !isExecutable(program)) return undefined;
  const args = rest.map((word) => ({ word, path: pathOf(word, folder) }));
  return {
    command: [program, ...args.map(({ word, path }) => path ?? word)],
    files: [program, ...args.flatMap(({ path }) => path ?? [])],
  };
}

/** @param key of its words */
export function checkHook(source: YamlSource, key: KeyPath, folder: string): ConfigProblem[] {
  const words = source.textsAt(key).map(({ text }) => text);
  const [program] = words;
  if (program === undefined || findHook(words, folder) !== undefined) return [];
  return [
    source.problem(
      [...key, 0],
      `"${program}" is no program that can be run`,
      `paths are relative to the file, and names are looked up in ${HOOK_PATH}`,
    ),
  ];
}

/** A word without a slash may name a folder by chance. */
function pathOf(word: string, folder: string): string | undefined {
  const path = resolve(folder, word);
  if (isFile(path)) return path;
  return word.includes('/') && statOf(path)?.isDirectory() === true ? path : undefined;
}

function findByPath(program: string): string | undefined {
  return program === ''
    ? undefined
    : HOOK_PATH.split(':')
        .map((folder) => resolve(folder, program))
        .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return isFile(path);
  } catch {
    return false;
  }
}

const isFile = (path: string): boolean => statOf(path)?.isFile() === true;
