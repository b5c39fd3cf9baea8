// The cache of downloads and builds between runs. It lies outside of the checkout, and is safe to delete.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

export const CACHE: string = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'postern-machines',
);

/**
 * A file or folder of the cache, made if it is missing. It gets its name only when it is complete.
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
