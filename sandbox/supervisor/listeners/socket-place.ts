// The place of a listener's socket file: a name in a folder that stays open from the bind on. A plugin may exchange the folder meanwhile. So the
// removal goes to this folder, and not to what lies at its path by then. Runs in the supervisor.
import { type BigIntStats, lstatSync, realpathSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type ListenAddress, MAX_SOCKET_PATH_BYTES } from '../../../shared/config/listen-address.js';
import { SystemError } from '../../../shared/sys/libc.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { HostFiles } from '../files/host-files.js';
import { listenFailure } from './listen-failure.js';

type UnixAddress = ListenAddress & { readonly kind: 'unix' };

export class SocketPlace {
  /** With the links of its folder resolved: /proc/net/unix shows this path. */
  readonly path: string;
  #folder: OwnedFd;

  /** @param host without the links that a plugin could have made @throws PosternError `listen_address` */
  constructor(name: string, address: UnixAddress, host: HostFiles) {
    this.path = realPath(name, address, host);
    this.#folder = folderOf(name, { kind: 'unix', path: this.path });
  }

  /** The file that has the name now; undefined without one. */
  file(): BigIntStats | undefined {
    return fileAt(this.entry);
  }

  /** @throws the error of unlink(2) */
  remove(): void {
    unlinkSync(
      /* protects: G14 a socket file is removed from its own folder alone (as root) => this.path */ this
        .entry,
    );
  }

  /**
   * Opens the folder that lies at the path by now: somebody may have made it anew.
   *
   * @throws PosternError `listen_address`, ELOOP if a link is on the way. The former folder stays open then
   */
  reopen(name: string): void {
    const folder = folderOf(name, { kind: 'unix', path: this.path });
    this.#folder.close();
    this.#folder = folder;
  }

  close(): void {
    this.#folder.close();
  }

  /** A path to the name that leads through no other folder. */
  get entry(): string {
    return `/proc/self/fd/${this.#folder.number}/${basename(this.path)}`;
  }
}

/** The file at a path; undefined where none is, or its folder is closed to this user. */
export function fileAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** @throws PosternError `listen_address`, ELOOP for a link on the way */
function folderOf(name: string, address: UnixAddress): OwnedFd {
  try {
    return openFolder(dirname(address.path));
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw listenFailure(name, address, error.errno);
  }
}

function realPath(name: string, address: UnixAddress, host: HostFiles): string {
  const folder = dirname(address.path);
  const real = host.real(folder);
  if (real === undefined) throw listenFailure(name, address, errnoOf(folder));
  const path = join(real, basename(address.path));
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
    throw listenFailure(name, { kind: 'unix', path }, constants.errno.ENAMETOOLONG);
  return path;
}

/** Why a folder is not found. */
function errnoOf(folder: string): number {
  try {
    realpathSync(folder);
    return constants.errno.ELOOP;
  } catch (error) {
    return Math.abs((error as NodeJS.ErrnoException).errno ?? constants.errno.ENOENT);
  }
}
