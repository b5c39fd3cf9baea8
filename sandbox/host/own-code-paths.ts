// The parts of postern that a program of its own must see in a sandbox: the compiled code and the packages that it imports.
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { bundlePath, DIST } from '../../shared/bundles.js';

const PACKAGES = ['koffi'];

/** @returns absolute paths, to be shown read-only; package.json makes Node read the code as modules */
export function ownCodePaths(): readonly string[] {
  const { resolve } = createRequire(bundlePath('trial-plugin'));
  const packages = PACKAGES.map((name) => outermostModules(resolve(name)));
  return [...new Set([DIST, join(DIST, '../package.json'), ...packages])];
}

/** The first node_modules in the package's path, which holds all that the package requires. */
function outermostModules(path: string): string {
  const marker = `${sep}node_modules${sep}`;
  const at = path.indexOf(marker);
  return at < 0 ? dirname(path) : path.slice(0, at + marker.length - 1);
}
