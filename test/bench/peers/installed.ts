// Finds a program that may not be installed.
import { accessSync, constants } from 'node:fs';
import { isAbsolute, join } from 'node:path';

const FOLDERS = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'];

/** @param name a name, or an absolute path @returns the program's path */
export function installed(name: string): string | undefined {
  const paths = isAbsolute(name) ? [name] : FOLDERS.map((folder) => join(folder, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Why a peer is not measured. */
export const NOT_INSTALLED = 'not installed (npm run bench:peers)';
