// Whether a path shows in a planned root. Pure.
import type { RootEntry } from '../launch/spec.js';
import { isWithin } from './path-within.js';

/** @returns true where the host's file shows: what was laid last upon the path counts */
export function shows(entries: readonly RootEntry[], path: string): boolean {
  return entries.findLast((entry) => isWithin(path, entry.path))?.kind === 'bind';
}
