// Where what was downloaded and built is kept between runs: outside of the checkout, and safe to delete.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

export const CACHE: string = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'postern-machines',
);

/**
 * A file or folder of the cache, made where it is not there yet. Only what is complete gets the name.
 * @param make fills the path that it is given
 */
export async function cached(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(CACHE, name);
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const folder = mkdtempSync(`${path}.part-`);
  try {
    const part = join(folder, 'made');
    await make(part);
    renameSync(part, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return path;
}
