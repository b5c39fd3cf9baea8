// Opens a path as a process with another root would, step by step. Runs in the broker, whose sandbox forbids openat2(2), and in a thread of
// the supervisor. Both get the path from a plugin.
import { constants } from 'node:fs';
import { constants as system } from 'node:os';
import { O_CLOEXEC, O_PATH } from './fcntl.js';
import { bind } from './libc.js';
import { OwnedFd } from './owned-fd.js';

const { O_DIRECTORY, O_NOFOLLOW } = constants;
const { EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR } = system.errno;
const HANDLE = O_PATH | O_CLOEXEC | O_NOFOLLOW;
/** path_resolution(7) */
const MOST_LINKS = 40;
const MOST_BYTES = 4096;
/** Each folder on the way is an open descriptor. */
const MOST_FOLDERS = 128;
const MOST_STEPS = 1024;
const SLASH = 0x2f;

// SAFETY: the path ends with a NUL. Both buffers live until the call returns.
const openat = bind('int openat(int folder, const void *path, int flags, int mode)');
const readlinkat = bind('long readlinkat(int folder, const char *path, void *into, size_t size)');

/** A root, and who looks from it. */
export interface Viewpoint {
  /** A handle (O_PATH) of the root folder. */
  readonly root: number;
  /** The process id that /proc/self means there. */
  readonly self: number | undefined;
  /** Does work with the rights that the links of proc(5) need, if this thread has given them up. */
  readonly readsProc?: (<T>(work: () => T) => T) | undefined;
  /** Opens a link at the end of the path itself, and does not follow it. */
  readonly keepsLink?: boolean;
}

/**
 * Opens a file below a root, as RESOLVE_IN_ROOT of openat2(2) does: no link and no `..` leads out of it.
 *
 * @param path absolute, bytes without a NUL
 * @returns a handle (O_PATH), or minus errno: ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG
 */
export function openInRoot(from: Viewpoint, path: Uint8Array): OwnedFd | number {
  const walk = new Walk(from);
  const result = walk.go(path);
  walk.close();
  return result;
}

/** The folders from the root to where a walk is, each with its name. */
class Walk {
  readonly #from: Viewpoint;
  readonly #folders: { readonly name: string; readonly handle: OwnedFd }[] = [];
  #links = 0;
  #steps = 0;

  constructor(from: Viewpoint) {
    this.#from = from;
  }

  go(path: Uint8Array): OwnedFd | number {
    // The next part is the last one of the list.
    const rest = parts(path);
    for (;;) {
      const part = rest.pop();
      if (part === undefined) return openPart(this.#here, Buffer.from('.'), 0);
      this.#steps += 1;
      if (this.#steps > MOST_STEPS) return -ENAMETOOLONG;
      const name = part.toString('latin1');
      if (name === '' || name === '.') continue;
      if (name === '..') {
        this.#folders.pop()?.handle.close();
        continue;
      }
      const opened = this.#step(name, part, rest);
      if (typeof opened === 'number') {
        if (opened < 0) return opened;
      } else if (rest.length === 0) return opened;
      else if (this.#folders.length === MOST_FOLDERS) {
        opened.close();
        return -ENAMETOOLONG;
      } else this.#folders.push({ name, handle: opened });
    }
  }

  close(): void {
    for (const { handle } of this.#folders) handle.close();
  }

  get #here(): number {
    return this.#folders.at(-1)?.handle.number ?? this.#from.root;
  }

  /** @returns the file, minus errno, or 0 after a link, whose parts come next */
  #step(name: string, part: Buffer, rest: Buffer[]): OwnedFd | number {
    const isSelf = (name === 'self' || name === 'thread-self') && this.#isProc;
    if (isSelf && this.#from.self !== undefined) {
      rest.push(Buffer.from(String(this.#from.self)));
      return 0;
    }
    const folder = rest.length > 0;
    const opened = openPart(this.#here, part, folder ? O_DIRECTORY : 0);
    if (typeof opened === 'number' && opened !== -ENOTDIR && opened !== -ELOOP) return opened;
    const file = typeof opened === 'number' ? openPart(this.#here, part, 0) : opened;
    if (typeof file === 'number') return file;
    if (!folder && this.#from.keepsLink === true) return file;
    const to = folder && file === opened ? undefined : this.#linkText(file.number);
    if (to === undefined && file === opened) return file;
    file.close();
    if (to === undefined) return -ENOTDIR;
    if (typeof to === 'number') return to;
    return this.#follow(to, rest);
  }

  #linkText(handle: number): ReturnType<typeof linkText> {
    const { readsProc } = this.#from;
    return this.#folders[0]?.name === 'proc' && readsProc !== undefined
      ? readsProc(() => linkText(handle))
      : linkText(handle);
  }

  #follow(to: Buffer, rest: Buffer[]): number {
    this.#links += 1;
    if (this.#links > MOST_LINKS) return -ELOOP;
    if (to.length === 0) return -ENOENT;
    if (to[0] === SLASH) {
      this.close();
      this.#folders.length = 0;
    }
    rest.push(...parts(to));
    return 0;
  }

  /** A plugin mounts nothing: `/proc` of a sandbox's root is its proc(5). */
  get #isProc(): boolean {
    return this.#folders.length === 1 && this.#folders[0]?.name === 'proc';
  }
}

/** The parts of a path, the last one first. A path that ends with a slash has an empty last part, so what is before must be a folder. */
function parts(path: Uint8Array): Buffer[] {
  const found: Buffer[] = [];
  let from = 0;
  for (let at = 0; at <= path.length; at += 1) {
    if (at < path.length && path[at] !== SLASH) continue;
    found.push(Buffer.from(path.subarray(from, at)));
    from = at + 1;
  }
  return found.reverse();
}

function openPart(folder: number, name: Buffer, more: number): OwnedFd | number {
  const result = openat(folder, Buffer.concat([name, Buffer.alloc(1)]), HANDLE | more, 0);
  return result < 0 ? result : new OwnedFd(result);
}

/** @returns undefined for a file that is no link; minus errno: a link of proc(5) may not be read, and so not followed */
function linkText(handle: number): Buffer | number | undefined {
  const text = Buffer.alloc(MOST_BYTES);
  const length = readlinkat(handle, '', text, text.length);
  // For another file: EINVAL; since Linux 2.6.39 ENOENT.
  if (length === -EINVAL || length === -ENOENT) return undefined;
  return length < 0 ? length : text.subarray(0, length);
}
