// Finds the type of the file system that holds a path, as proc_pid_mountinfo(5) names it.
import { readFileSync } from 'node:fs';
import { mountOf, parseMounts } from './mount-aliases.js';

/** @param path without a link in it @returns as in `ext4`; `unknown` where no mount is found */
export function fileSystemOf(
  path: string,
  mountinfo: string = readFileSync('/proc/self/mountinfo', 'utf8'),
): string {
  return mountOf(path, parseMounts(mountinfo))?.type ?? 'unknown';
}
