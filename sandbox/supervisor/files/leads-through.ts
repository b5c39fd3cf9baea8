// Whether a path leads into or through folders that plugins may write: what a plugin put there decides what is found. Pure.
import type { HostFiles } from './host-files.js';
import { isWithin } from './path-within.js';
import { placesPassed } from './places-passed.js';

/** @param folders paths without links */
export function leadsThrough(path: string, folders: readonly string[], host: HostFiles): boolean {
  return placesPassed(path, host).some((place) => folders.some((folder) => isWithin(place, folder)));
}
