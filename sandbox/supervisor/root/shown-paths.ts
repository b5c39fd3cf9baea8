// Tells whether a path shows in a planned root. Pure.
import type { RootEntry } from '../../launch/spec.js';
import { type HostFiles, isWithin, moved } from '../files/host-files.js';
import { PLUGIN_HOME } from './system-files.js';

/** @returns true where the host's file shows: the last layer on the path counts */
export function shows(entries: readonly RootEntry[], path: string): boolean {
  const last = entries.findLast((entry) => isWithin(path, entry.path));
  // A kept home lies at a path where the host may have another folder.
  return last?.kind === 'bind' && last.path !== PLUGIN_HOME;
}

/**
 * Whether a file of the host shows at any path.
 *
 * @param real without links
 */
export function showsFile(entries: readonly RootEntry[], real: string): boolean {
  return entries.some((entry) => {
    if (entry.kind !== 'bind' || !isWithin(real, entry.source)) return false;
    const path = moved(real, entry.source, entry.path);
    const last = entries.findLast((one) => isWithin(path, one.path));
    return last?.kind === 'bind' && moved(path, last.path, last.source) === real;
  });
}

/** @returns true where a program finds something at this path of the host, following links */
export function finds(entries: readonly RootEntry[], path: string, host: HostFiles): boolean {
  const last = entries.findLast((entry) => isWithin(path, entry.path));
  if (last === undefined) return false;
  switch (last.kind) {
    case 'file':
      return true;
    case 'symlink': {
      const real = host.real(path);
      return real !== undefined && real !== path && finds(entries, real, host);
    }
    case 'bind': {
      if (last.path === PLUGIN_HOME) return path === PLUGIN_HOME;
      const real = host.real(moved(path, last.path, last.source));
      return real !== undefined && (isWithin(real, last.source) || shows(entries, real));
    }
    default:
      return path === last.path;
  }
}
