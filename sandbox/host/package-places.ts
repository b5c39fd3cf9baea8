// Where Node looks for a package: the places in order, as `require` finds it.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export interface PackagePlaces {
  /** Nothing is there. A package there would be loaded instead. */
  readonly searched: readonly string[];
  /** The package's folder, or a link to it. */
  readonly found?: string;
}

/** @param from the file that loads the package */
export function packagePlaces(name: string, from: string): PackagePlaces {
  const searched: string[] = [];
  for (const folder of createRequire(from).resolve.paths(name) ?? []) {
    const place = join(folder, name);
    if (existsSync(place)) return { searched, found: place };
    searched.push(place);
  }
  return { searched };
}
