// Where postern's own files lie. A bundle has the code of all its modules, so that none of them may reckon from its own place: this
// one and the bundles lie equally deep.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of everything compiled, absolute. */
export const DIST: string = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** A program of postern's own, as deploy/bundle.ts makes it. */
export type Bundle =
  | 'postern'
  | 'postern-main'
  | 'broker'
  | 'broker-main'
  | 'stall-watchdog'
  | 'slow-lane-thread'
  | 'launcher'
  | 'init'
  | 'trial-plugin'
  | 'seccomp-profile';

/** @returns an absolute path */
export function bundlePath(name: Bundle): string {
  return join(DIST, 'run', `${name}.js`);
}
