// Lists every place that the kernel passes on a way, with the other paths of each place: a bind mount shows a folder at another path, and
// who writes it there writes it here. Pure.
import type { HostFiles } from './host-files.js';
import { placesPassed } from './places-passed.js';

/** @param path absolute @returns absolute paths, each without a link in its folder */
export function allPlaces(path: string, host: HostFiles): readonly string[] {
  return placesPassed(path, host).flatMap((place) => [
    place,
    /* protects: G14 home: no program is taken from another mount of one */ ...host.aliases(place),
  ]);
}
