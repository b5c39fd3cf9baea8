// Whether a test runs postern's programs. A test that only imports modules needs no bundles.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const IMPORT = /(?:from|import)\s*\(?'(?<path>\.[^']*)'/g;
/** They tell where the programs are. */
const PLACES = ['/shared/bundles.js', '/test/harness/users.js'];

/** @param test a compiled test file, absolute */
export function needsBundles(test: string): boolean {
  const seen = new Set<string>();
  const left = [test];
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    if (PLACES.some((place) => path?.endsWith(place) === true)) return true;
    if (seen.has(path) || !existsSync(path)) continue;
    seen.add(path);
    const folder = dirname(path);
    for (const { groups } of readFileSync(path, 'utf8').matchAll(IMPORT))
      left.push(join(folder, groups?.['path'] ?? ''));
  }
  return false;
}
