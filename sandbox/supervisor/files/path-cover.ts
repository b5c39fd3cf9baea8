// Covers many paths by few. Runs in the supervisor. A plugin may make as many files as it likes in its own folder, and each mask in the sandbox of
// another plugin is a mount.
import { dirname } from 'node:path';

const depthOf = (path: string): number => path.split('/').length;

export class PathCover {
  readonly #most: number;
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();

  /** @param most so many paths at most; beyond them folders stand for paths, the fullest folders first */
  constructor(most: number) {
    this.#most = most;
  }

  get files(): readonly string[] {
    return [...this.#files];
  }

  /** Each covers files that were added, and perhaps others. */
  get folders(): readonly string[] {
    return [...this.#folders];
  }

  /** @param path absolute */
  add(path: string): void {
    if (this.#isCovered(path)) return;
    this.#files.add(path);
    if (this.#size > this.#most) this.#makeRoom();
  }

  /** Until there is room for half as many again. */
  #makeRoom(): void {
    while (this.#size > this.#most / 2 && this.#size > 1) {
      const [fullest = []] = this.#byFolder().sort((one, other) => other.length - one.length);
      // If no folder has two, the deepest are covered by theirs.
      if (fullest.length > 1) this.#widen(fullest);
      else this.#widen(this.#deepest());
    }
  }

  get #size(): number {
    return this.#files.size + this.#folders.size;
  }

  get #paths(): readonly string[] {
    return [...this.#files, ...this.#folders];
  }

  #byFolder(): (readonly string[])[] {
    const groups = new Map<string, string[]>();
    for (const path of this.#paths) {
      const folder = dirname(path);
      const group = groups.get(folder);
      if (group === undefined) groups.set(folder, [path]);
      else group.push(path);
    }
    return [...groups.values()];
  }

  #deepest(): readonly string[] {
    const depths = this.#paths.map(depthOf);
    const most = Math.max(...depths);
    return this.#paths.filter((_, index) => depths[index] === most);
  }

  #widen(paths: readonly string[]): void {
    for (const path of paths) this.#folders.add(dirname(path));
    for (const path of this.#paths) {
      if (!this.#isCovered(path)) continue;
      this.#files.delete(path);
      this.#folders.delete(path);
    }
  }

  /** Whether a folder above it is in the cover. */
  #isCovered(path: string): boolean {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      if (this.#folders.has(folder)) return true;
      if (folder === dirname(folder)) return false;
    }
  }
}
