// Hides paths from the plugin by mounting an empty folder or file over them. Runs in the launcher. The plugin may not mount: it can
// neither remove the mount nor rename the path below it.
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

  /** @param stage the place of the new root, a tmpfs that is still writable */
  constructor(stage: string) {
    this.#stage = stage;
  }

  /**
   * As root the launcher has the plugin's ids, which may not enter every folder of the host. Then the whole folder is hidden, since its
   * mode may change later.
   *
   * @param ifThere whether nothing is to do for a path that does not exist
   */
  hide(path: string, directory: boolean, ifThere = false): void {
    const target = `${this.#stage}${path}`;
    try {
      if (directory) this.#hideFolder(target);
      else this.#hideFile(target);
    } catch (error) {
      if (ifThere && error instanceof SystemError && error.code === 'ENOENT') return;
      if (!(error instanceof SystemError && error.code === 'EACCES') || dirname(path) === '/') throw error;
      this.hide(dirname(path), true);
    }
  }

  /** Called when everything is in its place. */
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
      // The mount keeps the file, and no path leads to it. A file that is removed already cannot be attached, d_set_mounted().
      rmSync(source);
    }
  }
}
