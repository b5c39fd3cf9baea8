// Lays something empty over what the plugin shall not see: a folder of its own, or a file. In the launcher, which alone may
// mount: the plugin can neither take it off nor rename what it lies upon.
import { rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  attachTree,
  copyTree,
  MOUNT_ATTR,
  MS,
  makeMountReadOnly,
  mountNew,
  setTreeAttributes,
} from '../../shared/sys/mount.js';
import { SystemError } from '../../shared/sys/system-error.js';

export class HiddenPaths {
  readonly #stage: string;
  readonly #folders = new Set<string>();

  /** @param stage where the new root lies, a tmpfs that is writable still */
  constructor(stage: string) {
    this.#stage = stage;
  }

  /**
   * As root the launcher's ids, which are the plugin's, may not enter each folder of the host's: then all of the folder that
   * cannot be entered is hidden, for its mode may change later.
   */
  hide(path: string, directory: boolean): void {
    const target = `${this.#stage}${path}`;
    try {
      if (directory) this.#hideFolder(target);
      else this.#hideFile(target);
    } catch (error) {
      if (!(error instanceof SystemError && error.code === 'EACCES') || dirname(path) === '/') throw error;
      this.hide(dirname(path), true);
    }
  }

  /** Once everything lies where it shall. */
  seal(): void {
    for (const folder of this.#folders) makeMountReadOnly(folder);
  }

  #hideFolder(target: string): void {
    if (this.#folders.has(target)) return;
    mountNew('tmpfs', target, MS.NOSUID | MS.NODEV | MS.NOEXEC, 'mode=0555,size=64k');
    this.#folders.add(target);
  }

  #hideFile(target: string): void {
    const source = `${this.#stage}/hidden`;
    writeFileSync(source, '', { mode: 0o444 });
    try {
      using empty = copyTree(source);
      const attributes = MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;
      setTreeAttributes(empty.number, attributes, source);
      attachTree(empty.number, target);
    } finally {
      // The mount keeps it; no path leads to it any more. A file that is gone already is not attached, d_set_mounted().
      rmSync(source);
    }
  }
}
