// Hides paths from the plugin by mounting an empty folder or file over them. Runs in the launcher. The plugin may not mount: it can
// neither remove the mount nor rename the path below it.
import { rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SystemError } from '../../shared/sys/libc.js';
import {
  attachTree,
  copyTree,
  MOUNT_ATTR,
  MS,
  makeMountReadOnly,
  setTreeAttributes,
} from '../../shared/sys/mount.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Stage } from './stage.js';

export class HiddenPaths {
  readonly #stage: Stage;
  readonly #folders = new Map<string, OwnedFd>();

  /** @param stage the new root, a tmpfs that is still writable */
  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /**
   * As root the launcher has the plugin's ids, which may not enter every folder of the host. Then the whole folder is hidden, since its
   * mode may change later.
   *
   * @param ifThere whether nothing is to do for a path that does not exist
   */
  hide(path: string, directory: boolean, ifThere = false): void {
    try {
      if (directory) this.#hideFolder(path);
      else this.#hideFile(path);
    } catch (error) {
      if (ifThere && error instanceof SystemError && error.code === 'ENOENT') return;
      if (!(error instanceof SystemError && error.code === 'EACCES') || dirname(path) === '/') throw error;
      this.hide(dirname(path), true);
    }
  }

  /** Called when everything is in its place. */
  seal(): void {
    for (const folder of this.#folders.values()) {
      makeMountReadOnly(folder);
      folder.close();
    }
    this.#folders.clear();
  }

  #hideFolder(path: string): void {
    if (this.#folders.has(path)) return;
    const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
    this.#folders.set(path, this.#stage.mountOn(path, 'tmpfs', flags, 'mode=0555,size=64k'));
  }

  #hideFile(path: string): void {
    const source = `${/* protects: G14 the launcher's own file for a hidden path lies outside of the root => this.#stage.path */ this.#stage.workplace}/hidden`;
    writeFileSync(source, '', { mode: 0o444, flag: 'wx' });
    try {
      using empty = copyTree(source, false);
      const attributes =
        /* protects: G14 root: what hides a file is read-only */ MOUNT_ATTR.RDONLY |
        MOUNT_ATTR.NOSUID |
        MOUNT_ATTR.NODEV |
        MOUNT_ATTR.NOEXEC;
      setTreeAttributes(empty.number, attributes, source);
      using target = this.#stage.find(path, false);
      attachTree(empty.number, target.number, path);
    } finally {
      // The mount keeps the file, and no path leads to it. A file that is removed already cannot be attached, d_set_mounted().
      rmSync(source);
    }
  }
}
