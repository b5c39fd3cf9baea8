// What unseen-files.ts asks of the host: the beginning of a script, and whether everybody may read a file. Bounded, and it
// waits for nothing.
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { hostFiles } from './host-files.js';
import type { HostTexts } from './unseen-files.js';

const MOST_BYTES = 65_536;
const OTHERS = { read: 4, enter: 1 } as const;

export const hostTexts: HostTexts = {
  readText: (path) => {
    let fd: number;
    try {
      // A pipe in the place of a script would be waited for.
      fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch {
      return undefined;
    }
    try {
      if (!fstatSync(fd).isFile()) return undefined;
      const bytes = Buffer.alloc(MOST_BYTES);
      const text = bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0));
      return text.includes('\0') ? undefined : text;
    } catch {
      return undefined;
    } finally {
      closeSync(fd);
    }
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
