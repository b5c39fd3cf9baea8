// The cache of downloads and builds between runs.
import { join } from 'node:path';
import { cachedAt, cacheFolder } from '../harness/cached.js';

export const CACHE: string = cacheFolder('postern-machines');

/** @param name below the cache's folder */
export const cached = async (name: string, make: (path: string) => Promise<void>): Promise<string> =>
  await cachedAt(join(CACHE, name), make);
