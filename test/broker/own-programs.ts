// A broker whose program files a test has changed.
import { cpSync } from 'node:fs';
import { dirname } from 'node:path';
import { bundlePath } from '../../shared/bundles.js';
import { ownFolder } from '../harness/own-folder.js';

const BIND = 'mount --bind "$0" "$1" && shift && exec "$@"';

/**
 * Needs root.
 *
 * @param change gets the folder of a copy of the programs
 * @returns a command that executes another one, which finds the copy in place of the programs
 */
export function underPrograms(change: (folder: string) => void): readonly string[] {
  const programs = dirname(bundlePath('broker'));
  const copy = ownFolder('root');
  cpSync(programs, copy, { recursive: true });
  change(copy);
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', BIND, copy, programs];
}
