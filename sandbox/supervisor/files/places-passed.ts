// Lists every place that the kernel passes when it follows a path and its links, path_resolution(7). Pure.
import { dirname, resolve } from 'node:path';
import type { HostFiles } from './host-files.js';

/** The kernel follows no more links in a path. */
const MAX_LINKS = 40;

/** @param path absolute @returns absolute paths, each without a link in its folder */
export function placesPassed(path: string, host: HostFiles): readonly string[] {
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
    if (links > MAX_LINKS) break;
    const target = host.readLink(place);
    if (target.startsWith('/')) folder = '/';
    rest.unshift(...target.split('/').filter(Boolean));
  }
  return places;
}
