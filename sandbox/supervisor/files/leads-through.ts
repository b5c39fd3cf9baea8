// Whether a path leads into or through folders that plugins may write: what a plugin put there decides what is found. Pure.
import { allPlaces } from './all-places.js';
import type { HostFiles } from './host-files.js';
import { isWithin } from './path-within.js';

/** @param folders paths without links */
export function leadsThrough(path: string, folders: readonly string[], host: HostFiles): boolean {
  return allPlaces(path, host).some((place) => folders.some((folder) => isWithin(place, folder)));
}
