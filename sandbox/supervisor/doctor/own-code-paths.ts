// What of postern itself a plugin must see to use the client library: the compiled code and the packages that it imports.
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['koffi', 'msgpackr/index-no-eval'];

/** @returns absolute paths, read-only to show; package.json makes the code be read as modules */
export function ownCodePaths(): readonly string[] {
  const code = fileURLToPath(new URL('../../..', import.meta.url));
  const resolve = createRequire(import.meta.url).resolve;
  const packages = PACKAGES.map((name) => outermostModules(resolve(name)));
  return [...new Set([dirname(join(code, 'x')), join(code, '../package.json'), ...packages])];
}

/** The folder that holds the package and all that it requires: the first node_modules of its path. */
function outermostModules(path: string): string {
  const marker = `${sep}node_modules${sep}`;
  const at = path.indexOf(marker);
  return at < 0 ? dirname(path) : path.slice(0, at + marker.length - 1);
}
