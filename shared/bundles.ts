// Where the files of postern are. A module in a bundle cannot use its own path, since the bundle lies elsewhere. This module and the
// bundles lie equally deep.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder with all compiled files, absolute. */
export const DIST: string = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** The file that `up` takes from its working directory. */
export const DEFAULT_CONFIG = 'postern.yaml';

/** A program of postern, as deploy/bundle.ts makes it. */
export type Bundle =
  | 'postern'
  | 'postern-main'
  | 'before-run'
  | 'main-run'
  | 'library'
  | 'postern-control'
  | 'postern-ui'
  | 'broker'
  | 'broker-main'
  | 'stall-watchdog'
  | 'slow-lane-thread'
  | 'connect-thread'
  | 'launcher'
  | 'init'
  | 'trial-plugin'
  | 'gateway'
  | 'requester'
  | 'seccomp-profile'
  | 'yaml'
  | 'public-suffixes';

/** Programs that people or plugins name. Node loads a CommonJS module sooner than an ES module, and every application can load one: the others are such. */
const ES_MODULES: readonly Bundle[] = ['postern', 'trial-plugin', 'seccomp-profile'];

export function isEsModule(name: Bundle): boolean {
  return ES_MODULES.includes(name);
}

/** @returns an absolute path */
export function bundlePath(name: Bundle): string {
  return join(DIST, 'run', `${name}.${isEsModule(name) ? 'js' : 'cjs'}`);
}

// The version of this package, from package.json.

export const VERSION: string = (
  JSON.parse(readFileSync(join(DIST, '../package.json'), 'utf8')) as { version: string }
).version;
