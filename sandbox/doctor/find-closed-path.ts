// As root the launcher runs with its own id, and must be able to read postern's files. The folders above the one that
// holds them may stay closed: the launcher enters that one by its descriptor.
import { readlinkSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { bundlePath } from '../../shared/bundles.js';
import { openOwnCode } from '../host/own-code.js';
import type { OwnCodeFact } from './host-facts.js';

const READ = 0o4;
const ENTER = 0o1;

export function findClosedPath(): OwnCodeFact {
  const code = openOwnCode();
  try {
    const folder = readlinkSync(`/proc/self/fd/${code.folder.number}`);
    const library = relative(folder, createRequire(bundlePath('launcher')).resolve('koffi'));
    const paths = [code.launcher, code.init, library].flatMap((path) => stepsOf(folder, path));
    for (const path of [folder, ...new Set(paths), process.execPath]) {
      const stats = statSync(path);
      const wanted = stats.isDirectory() || path === process.execPath ? READ | ENTER : READ;
      if ((stats.mode & wanted) !== wanted)
        return { folder, closed: { path, mode: (stats.mode & 0o777).toString(8) } };
    }
    return { folder };
  } finally {
    code.node.close();
    code.folder.close();
  }
}

/** Each folder on the way from `folder`, and the file. */
function stepsOf(folder: string, path: string): readonly string[] {
  const parts = path.split(sep);
  return parts.map((_, index) => join(folder, ...parts.slice(0, index + 1)));
}
