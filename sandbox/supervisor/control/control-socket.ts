// The listening control socket and its file: mode 0600, in a folder that nobody else may change, never behind a link. Runs in the supervisor.
import { type BigIntStats, chmodSync, linkSync, lstatSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname } from 'node:path';
import { MAX_SOCKET_PATH_BYTES } from '../../../shared/config/listen-address.js';
import { PosternError } from '../../../shared/errors.js';
import { quote } from '../../../shared/policy/quote.js';
import { errnoName, succeed } from '../../../shared/sys/libc.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { encodeSocketPath } from '../../../shared/sys/sockaddr.js';
import { bindTo, connectToPath, listenOn, unixSocket } from '../../../shared/sys/socket.js';
import { closeElsewhere } from '../orders/close-elsewhere.js';

const ROOT = 0;
const [FOR_OTHERS, STICKY] = [0o022, 0o1000];
const BACKLOG = 128;
const FIX = 'name another path by control:, or control: off for none';

export class ControlSocket {
  readonly path: string;
  readonly socket: OwnedFd;
  readonly #folder: OwnedFd;
  readonly #file: Pick<BigIntStats, 'dev' | 'ino'>;

  /**
   * Listens. A socket file of a dead supervisor is replaced.
   *
   * @param path absolute
   * @param isDefault whether its folder is for control sockets alone: it is made if it is not there, with mode 0700
   * @throws PosternError `control_socket`; nothing is left bound
   */
  constructor(path: string, isDefault: boolean) {
    this.path = path;
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
      throw cannotListen(path, `its path has more than ${MAX_SOCKET_PATH_BYTES} bytes`);
    this.#folder = openOwn(path, isDefault);
    try {
      this.socket = this.#listen();
    } catch (error) {
      this.#folder.close();
      throw error instanceof PosternError && error.code === 'control_socket'
        ? error
        : cannotListen(path, reasonOf(error));
    }
    this.#file = lstatSync(this.#entry(), { bigint: true });
  }

  /** Removes the file, if it is still the same. */
  close(): void {
    if (!this.socket.open) return;
    const found = lstatSync(this.#entry(), { bigint: true, throwIfNoEntry: false });
    if (found?.ino === this.#file.ino && found.dev === this.#file.dev) unlinkSync(this.#entry());
    closeElsewhere(this.socket);
    this.#folder.close();
  }

  /** A path to a name in the folder that leads through no other one. */
  #entry(name = basename(this.path)): string {
    return `/proc/self/fd/${this.#folder.number}/${name}`;
  }

  /** The file gets its name when the socket listens already. So a file that refuses connects is a dead supervisor's. */
  #listen(): OwnedFd {
    const socket = unixSocket('stream');
    if (typeof socket === 'number') throw cannotListen(this.path, errnoName(-socket));
    const made = this.#entry(`.${process.pid}.new`);
    const umask = process.umask(/* protects: G21 control: the socket is for its owner => 0 */ 0o177);
    try {
      unlinkIfThere(made);
      succeed(bindTo(socket.number, encodeSocketPath(made)), 'bind');
      succeed(listenOn(socket.number, BACKLOG), 'listen');
      this.#replaceStale();
      linkSync(made, this.#entry());
      return socket;
    } catch (error) {
      socket.close();
      throw error;
    } finally {
      process.umask(umask);
      unlinkIfThere(made);
    }
  }

  #replaceStale(): void {
    const found = lstatSync(this.#entry(), { bigint: true, throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isSocket() || Number(found.uid) !== process.geteuid?.())
      throw cannotListen(this.path, 'something else is there already');
    const caller = unixSocket('stream');
    if (typeof caller === 'number') throw cannotListen(this.path, errnoName(-caller));
    const answer = connectToPath(caller.number, this.#entry());
    caller.close();
    // protects: G21 control: the socket of a running postern is not taken
    if (answer !== -constants.errno.ECONNREFUSED)
      throw cannotListen(
        this.path,
        'a running postern listens there',
        `end that one, or ${FIX}; "postern status --control ${this.path}" shows it`,
      );
    unlinkSync(this.#entry());
  }
}

/** @throws PosternError `control_socket` */
function openOwn(path: string, isDefault: boolean): OwnedFd {
  const name = dirname(path);
  let folder: OwnedFd | undefined;
  if (isDefault) makeFolder(path);
  try {
    folder = openFolder(name);
    const at = `/proc/self/fd/${folder.number}`;
    const { uid, mode } = statSync(at);
    if (uid !== process.geteuid?.() && (uid !== ROOT || isDefault))
      throw cannotListen(path, `its folder belongs to uid ${uid}`);
    if (isDefault) chmodSync(at, 0o700);
    // protects: G21 control: a folder of another user, or an open one, holds no control socket
    else if ((mode & FOR_OTHERS) !== 0 && (mode & STICKY) === 0)
      throw cannotListen(
        path,
        'other users may write in its folder',
        'chmod go-w it, or name another folder',
      );
    return folder;
  } catch (error) {
    folder?.close();
    throw error instanceof PosternError && error.code === 'control_socket'
      ? error
      : cannotListen(path, reasonOf(error));
  }
}

/** @throws PosternError `control_socket` */
function makeFolder(path: string): void {
  try {
    mkdirSync(dirname(path), { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw cannotListen(path, `its folder cannot be made (${code})`);
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is not there.
  }
}

function reasonOf(error: unknown): string {
  const { code } = error as { readonly code?: string };
  if (code === 'ELOOP') return 'a link is on the way to its folder';
  if (code === 'ENOENT') return 'its folder does not exist';
  if (code === 'EEXIST') return 'a running postern listens there';
  return code ?? String(error);
}

function cannotListen(path: string, why: string, fix: string = FIX): PosternError {
  return new PosternError('control_socket', `Cannot listen for commands at ${quote(path)}: ${why}`, { fix });
}
