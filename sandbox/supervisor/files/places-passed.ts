// Follows a path and its links as the kernel does, path_resolution(7). Pure.

import { dirname, resolve } from 'node:path';
import { type HostFiles, isWithin } from './host-files.js';

/** The kernel follows no more links in a path. */
const MAX_LINKS = 40;

interface Way {
  /** Every place that the way passes, as an absolute path without a link in its folder. */
  readonly places: readonly string[];
  /** The path without links; undefined if the way ends at the last place, a link that is not followed. */
  readonly end: string | undefined;
}

/** @param path absolute @param mayFollow asked about each link */
export function wayTo(
  path: string,
  host: Pick<HostFiles, 'kind' | 'readLink'>,
  mayFollow: (link: string) => boolean = () => true,
): Way {
  const places: string[] = [];
  const rest = resolve(path).split('/').filter(Boolean);
  let links = 0;
  let folder = '/';
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '..') folder = dirname(folder);
    if (name === '.' || name === '..') continue;
    const place = folder === '/' ? `/${name}` : `${folder}/${name}`;
    places.push(place);
    if (host.kind(place) !== 'link') {
      folder = place;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS || !mayFollow(place)) return { places, end: undefined };
    const target = host.readLink(place);
    if (target.startsWith('/')) folder = '/';
    rest.unshift(...target.split('/').filter(Boolean));
  }
  return { places, end: folder };
}

/** The places of {@link wayTo}, with every link followed. */
export function placesPassed(path: string, host: HostFiles): readonly string[] {
  return wayTo(path, host).places;
}

// Lists every place that the kernel passes on a way, with the other paths of each place: a bind mount shows a folder at another path, and
// who writes it there writes it here. Pure.

/** @param path absolute @returns absolute paths, each without a link in its folder */
export function allPlaces(path: string, host: HostFiles): readonly string[] {
  return placesPassed(path, host).flatMap((place) => [
    place,
    /* protects: G14 home: no program is taken from another mount of one */ ...host.aliases(place),
  ]);
}

// Whether a path leads into or through folders that plugins may write: what a plugin put there decides what is found. Pure.

/** @param folders paths without links */
export function leadsThrough(path: string, folders: readonly string[], host: HostFiles): boolean {
  return allPlaces(path, host).some((place) => folders.some((folder) => isWithin(place, folder)));
}
