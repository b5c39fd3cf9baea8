// Where postern's own code is, as descriptors and as paths.

// Descriptors are for processes with another uid. In a folder that only root may enter, the launcher
// could not use a path, but it can use /proc/self/fd/N.
import { constants, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';
import { bundlePath, DIST } from '../../shared/bundles.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';

const O_PATH = 0o10000000;

export interface OwnCode {
  /** The running Node. */
  readonly node: OwnedFd;
  /** The folder that holds both this package and what it imports. */
  readonly folder: OwnedFd;
  /** The programs of launcher and init, relative to the folder. */
  readonly launcher: string;
  readonly init: string;
}

export function openOwnCode(): OwnCode {
  const launcher = bundlePath('launcher');
  const library = createRequire(launcher).resolve('koffi');
  const common = commonFolder(dirname(launcher), dirname(library));
  // Node searches packages in node_modules below a parent folder, so that folder's parent is the one.
  const folder = basename(common) === 'node_modules' ? dirname(common) : common;
  const node = new OwnedFd(openSync(process.execPath, constants.O_RDONLY));
  try {
    return {
      node,
      folder: new OwnedFd(openSync(folder, O_PATH | constants.O_DIRECTORY)),
      launcher: relative(folder, launcher),
      init: relative(folder, bundlePath('init')),
    };
  } catch (error) {
    node.close();
    throw error;
  }
}

/** The innermost folder that contains both paths. */
function commonFolder(a: string, b: string): string {
  const left = a.split(sep);
  const right = b.split(sep);
  let length = 0;
  while (length < left.length && left[length] === right[length]) length += 1;
  return left.slice(0, length).join(sep) || sep;
}

// The parts of postern that a program of its own must see in a sandbox: the compiled code and the packages that it imports.

const PACKAGES = ['koffi'];

/** @returns absolute paths, to be shown read-only; package.json makes Node read the code as modules */
export function ownCodePaths(): readonly string[] {
  const { resolve } = createRequire(bundlePath('trial-plugin'));
  const packages = PACKAGES.map((name) => outermostModules(resolve(name)));
  return [...new Set([DIST, join(DIST, '../package.json'), ...packages])];
}

/** The first node_modules in the package's path, which holds all that the package requires. */
function outermostModules(path: string): string {
  const marker = `${sep}node_modules${sep}`;
  const at = path.indexOf(marker);
  return at < 0 ? dirname(path) : path.slice(0, at + marker.length - 1);
}
