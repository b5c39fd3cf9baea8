// The plugin's root while it is built. Runs in the launcher. A plugin may exchange files in trees that are attached already, those of the
// same user or of another start. So each part of a path is opened without following a link, nothing is made in such a tree, and what was
// opened is what is mounted on.
import { fstatSync, mkdirSync, rmdirSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, resolve } from 'node:path';
import { SystemError } from '../../shared/sys/libc.js';
import { attachTree, mountNew } from '../../shared/sys/mount.js';
import { makeFileAt, makeFolderAt, openBelow, openFolder } from '../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;

export class Stage {
  readonly path: string;
  /** A folder of the launcher's own outside of the new root. No path of a plan leads there, whatever names the host has. */
  readonly workplace: string;
  /** The devices of the file systems that the launcher has made. */
  readonly #own = new Set<number>();
  readonly #links = new Map<string, string>();

  /** @param path a tmpfs of the launcher's own */
  constructor(path: string, workplace: string) {
    this.path = path;
    this.workplace = workplace;
    using root = openFolder(path);
    this.adopt(root);
  }

  /** @param folder in a file system that the launcher has made: files may be made there */
  adopt(folder: OwnedFd): void {
    this.#own.add(fstatSync(folder.number).dev);
  }

  /** A link that the launcher made: paths that lead through it are meant to. */
  noteLink(path: string, to: string): void {
    this.#links.set(path, resolve(dirname(path), to));
  }

  /**
   * @param path absolute, in the new root
   * @returns a handle (O_PATH)
   * @throws SystemError ENOENT, ELOOP for a link, EACCES, ENOTDIR
   */
  find(path: string, directory: boolean): OwnedFd {
    return this.#walk(path, directory, undefined);
  }

  /** As {@link find}. What is missing is made, but only in the launcher's own file systems. */
  place(path: string, directory: boolean, mode: number = directory ? FOLDER_MODE : FILE_MODE): OwnedFd {
    return this.#walk(path, directory, mode);
  }

  /** As {@link place}, for a folder in which the launcher may make files. @throws SystemError EROFS for another */
  placeOwn(path: string): OwnedFd {
    const folder = this.place(path, true);
    if (this.#own.has(fstatSync(folder.number).dev)) return folder;
    folder.close();
    throw new SystemError('openat2', constants.errno.EROFS, path);
  }

  /** Mounts a new file system. @returns a handle of its root */
  mountOn(path: string, type: string, flags: number, options: string): OwnedFd {
    using target = this.find(path, true);
    const aside = `${/* protects: G14 the launcher's own folder for a new mount lies outside of the root => this.path */ this.workplace}/aside`;
    mkdirSync(aside);
    mountNew(type, aside, flags, options);
    const mounted = openFolder(aside);
    attachTree(mounted.number, target.number, path);
    rmdirSync(aside);
    this.adopt(mounted);
    return mounted;
  }

  #walk(path: string, directory: boolean, mode: number | undefined): OwnedFd {
    const parts = this.#withoutOwnLinks(path)
      .split('/')
      .filter((name) => name !== '');
    let folder = openFolder(this.path);
    for (const [index, name] of parts.entries()) {
      using from = folder;
      const isLast = index === parts.length - 1;
      const kind = { directory: !isLast || directory, mode: isLast ? mode : mode && FOLDER_MODE };
      folder = this.#step(from.number, name, path, kind);
    }
    return folder;
  }

  #step(
    from: number,
    name: string,
    path: string,
    { directory, mode }: { readonly directory: boolean; readonly mode: number | undefined },
  ): OwnedFd {
    try {
      return openBelow(from, name, directory, path);
    } catch (error) {
      const missing = error instanceof SystemError && error.code === 'ENOENT';
      if (
        !missing ||
        mode === undefined ||
        /* protects: G14 no mount point is made in an attached tree */ !this.#own.has(fstatSync(from).dev)
      )
        throw error;
      if (directory) makeFolderAt(from, name, mode);
      else makeFileAt(from, name, mode);
      return openBelow(from, name, directory, path);
    }
  }

  #withoutOwnLinks(path: string): string {
    for (const [link, to] of this.#links)
      if (path.startsWith(`${link}/`)) return this.#withoutOwnLinks(`${to}${path.slice(link.length)}`);
    return path;
  }
}
