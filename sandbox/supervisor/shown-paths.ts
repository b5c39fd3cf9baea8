// Whether a path shows in a planned root. Pure.
import type { RootEntry } from '../launch/spec.js';
import { isWithin } from './path-within.js';
import { PLUGIN_HOME } from './system-files.js';

/** @returns true where the host's file shows: what was laid last upon the path counts */
export function shows(entries: readonly RootEntry[], path: string): boolean {
  const last = entries.findLast((entry) => isWithin(path, entry.path));
  // A kept home lies at a path that the host may have another folder at.
  return last?.kind === 'bind' && last.path !== PLUGIN_HOME;
}
