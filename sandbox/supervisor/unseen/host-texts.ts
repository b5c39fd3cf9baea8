// Reads for unseen-files.ts the beginning of a script, and whether every user may read a file. Bounded, and never blocking.
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { hostFiles } from '../files/host-files.js';
import { readStart } from '../files/read-start.js';
import type { HostTexts } from './unseen-files.js';

const MOST_BYTES = 65_536;
const OTHERS = { read: 4, enter: 1 } as const;

export const hostTexts: HostTexts = {
  readText: (path) => {
    const text = readStart(path, MOST_BYTES)?.toString('utf8');
    return text === undefined || text.includes('\0') ? undefined : text;
  },
  isPublic: (path) => {
    const real = hostFiles.real(path);
    if (real === undefined) return false;
    try {
      const stats = statSync(real);
      const needed = stats.isDirectory() ? OTHERS.read | OTHERS.enter : OTHERS.read;
      if ((stats.mode & needed) !== needed) return false;
      for (let folder = dirname(real); folder !== '/'; folder = dirname(folder))
        if ((statSync(folder).mode & OTHERS.enter) === 0) return false;
      return true;
    } catch {
      return false;
    }
  },
};
