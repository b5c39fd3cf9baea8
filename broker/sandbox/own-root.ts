// What a user's broker sees of the host's files: its own code, the libraries of Node, /etc and /proc, all of it read-only, and nothing else. It has the
// user's uid, and would otherwise open all files of the user and give them to a plugin. Runs in the broker's first program, in a mount namespace that the
// supervisor made for it, and before anything of a plugin is read.
//
// Sockets of the host that a rule names are not there either: the supervisor opens their files.

import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { bundlePath, DIST } from '../../shared/bundles.js';
import {
  attachTree,
  copyTree,
  MOUNT_ATTR,
  MS,
  makeMountReadOnly,
  mountNew,
  pivotToCurrentDirectory,
  setTreeAttributes,
} from '../../shared/sys/mount.js';
import { openWithoutLinks } from '../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

/** Where the new root is until the pivot. Any folder will do: the mount is visible in this namespace alone. */
const STAGE = '/tmp';
/** Folders of the system with libraries, names and processes. Node looks for the limits of its memory in the last one. */
const SYSTEM = [
  ...['/usr', '/bin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store', '/gnu/store'],
  ...['/etc', '/proc', '/sys/fs/cgroup'],
];
/** Files that may be links to folders of a service, which replaces them at any time. */
const REPLACED = ['/etc/resolv.conf', '/etc/hosts'];

/** @throws SystemError if a step fails */
export function enterOwnRoot(): void {
  const root = new Root();
  for (const path of SYSTEM) root.show(path);
  for (const path of REPLACED) root.showReplaced(path);
  for (const path of ownFiles()) root.show(path);
  root.enter();
}

/** Node, its libraries and postern's code, where they are. */
function ownFiles(): readonly string[] {
  const mapped = readFileSync('/proc/self/maps', 'utf8').matchAll(/ (\/.*\.(?:so|node)\b.*)$/gm);
  const code = bundlePath('broker');
  return [
    process.execPath,
    ...new Set([...mapped].map(([, file = '']) => dirname(file))),
    dirname(code),
    join(DIST, '../package.json'),
    ...packagesFor(code),
  ];
}

/** koffi, and its part for this processor, where Node finds them. Another folder's is not postern's. */
function packagesFor(path: string): readonly string[] {
  const folder = dirname(path);
  const koffi = join(folder, 'node_modules/koffi');
  if (exists(koffi)) return [koffi, join(dirname(realpathSync(koffi)), '@koromix')];
  return folder === path ? [] : packagesFor(folder);
}

class Root {
  readonly #trees = new Map<string, { readonly tree: OwnedFd; readonly isFolder: boolean }>();
  readonly #links = new Map<string, string>();

  /** Shows a file or a folder, and every link on the way to it. Something that is not there does not show. */
  show(path: string): void {
    const parts = path.split('/').filter(Boolean);
    let isFolder = true;
    for (let length = 1; length <= parts.length; length += 1) {
      const at = `/${parts.slice(0, length).join('/')}`;
      const stats = lstatSync(at, { throwIfNoEntry: false });
      if (stats === undefined || !exists(at)) return;
      isFolder = stats.isDirectory();
      if (!stats.isSymbolicLink()) continue;
      const target = readlinkSync(at);
      if (!this.#shows(at)) this.#links.set(at, target);
      this.show(resolve(dirname(at), target, ...parts.slice(length)));
      return;
    }
    if (this.#shows(path)) return;
    const tree = copyTree(path, isFolder);
    setTreeAttributes(
      tree.number,
      /* protects: G16 broker: what a user's sees of the host is read-only => 0 */ MOUNT_ATTR.RDONLY |
        MOUNT_ATTR.NOSUID |
        MOUNT_ATTR.NODEV,
      path,
    );
    this.#trees.set(path, { tree, isFolder });
  }

  /** Shows a file so that another one in its place shows too: with its folder, unless that is as wide as /run. */
  showReplaced(path: string): void {
    if (!exists(path)) return;
    const folder = dirname(realpathSync(path));
    if (dirname(folder) !== '/') this.show(folder);
    this.show(path);
  }

  enter(): void {
    mountNew('tmpfs', STAGE, MS.NOSUID | MS.NODEV | MS.NOEXEC, 'mode=0755,size=1m');
    for (const [path, { tree, isFolder }] of this.#trees) {
      const place = this.#place(path);
      if (isFolder) mkdirSync(place, { recursive: true });
      else writeFileSync(place, '');
      using target = openWithoutLinks(place);
      attachTree(tree.number, target.number, place);
      tree.close();
    }
    for (const [path, target] of this.#links) symlinkSync(target, this.#place(path));
    process.chdir(STAGE);
    pivotToCurrentDirectory();
    process.chdir('/');
    makeMountReadOnly('/');
  }

  /** Whether it lies in a folder that shows. */
  #shows(path: string): boolean {
    return this.#trees.has(path) || (path !== '/' && this.#shows(dirname(path)));
  }

  #place(path: string): string {
    mkdirSync(dirname(STAGE + path), { recursive: true });
    return STAGE + path;
  }
}

function exists(path: string): boolean {
  try {
    return realpathSync(path) !== '';
  } catch {
    return false;
  }
}
