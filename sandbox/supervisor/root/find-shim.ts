// Recognises the shim of a version manager: a small program that looks up the real one in the manager's folder. That folder lies
// in a home directory, and so does not show. Pure.
import { basename, dirname } from 'node:path';
import type { HostFiles } from '../files/host-files.js';
import { steps } from './command-paths.js';

export interface Shim {
  /** The manager, for example `pyenv`. */
  readonly manager: string;
  /** The manager's folder. */
  readonly root: string;
  /** Whether the shim names the folder itself: then it is enough to show it. Other shims look in HOME. */
  readonly namesRoot: boolean;
}

/** Managers whose shims are scripts that set NAME_ROOT. */
const NAMES_ROOT = ['pyenv', 'rbenv', 'nodenv', 'goenv', 'plenv', 'phpenv', 'luaenv'];
const LOOKS_IN_HOME = ['asdf', 'mise', 'rtx'];

export function findShim(program: string, host: HostFiles): Shim | undefined {
  for (const path of steps(program, host)) {
    const folder = dirname(path);
    const root = dirname(folder);
    if (basename(path) === 'volta-shim') return { manager: 'volta', root, namesRoot: false };
    if (basename(folder) !== 'shims') continue;
    const manager = basename(root).replace(/^\./, '');
    if (NAMES_ROOT.includes(manager)) return { manager, root, namesRoot: true };
    if (LOOKS_IN_HOME.includes(manager)) return { manager, root, namesRoot: false };
  }
  return undefined;
}
