// Files of a cache between runs: downloads and builds, safe to delete.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** A folder for caches. It lies outside of the checkout. */
export function cacheFolder(name: string): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), name);
}

/**
 * A file or folder of the cache, made if it is missing. It gets its name only when it is complete.
 * @param make fills the path that it is given
 */
export async function cachedAt(path: string, make: (path: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const folder = mkdtempSync(`${path}.part-`);
  try {
    const part = join(folder, 'made');
    await make(part);
    renameSync(part, path);
  } catch (error) {
    // Another process made it meanwhile.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return path;
}
