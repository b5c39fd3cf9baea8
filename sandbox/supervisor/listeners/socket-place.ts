// The place of a UNIX socket that postern listens on: what may lie there, what is stale, and why a bind failed. Runs in the supervisor.

import { type BigIntStats, lstatSync, readFileSync, realpathSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type ListenAddress, MAX_SOCKET_PATH_BYTES } from '../../../shared/config/listen-address.js';
import { PosternError } from '../../../shared/errors.js';
import { addressFromBytes } from '../../../shared/policy/address.js';
import { quote } from '../../../shared/policy/quote.js';
import { errnoName, SystemError } from '../../../shared/sys/libc.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { connectToPath, unixSocket } from '../../../shared/sys/socket.js';
import type { HostFiles } from '../files/host-files.js';

// The place of a listener's socket file: a name in a folder that stays open from the bind on. A plugin may exchange the folder meanwhile. So the
// removal goes to this folder, and not to what lies at its path by then.

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

// Removes the socket file that a killed supervisor left. Nobody listens on it, but it would keep the next supervisor from its path.
// Any other file stays.

/**
 * Removes a socket file of this user, where no socket of this network namespace is bound to it and a connect to it is refused.
 *
 * @returns whether it removed the file
 */
export function removeStaleSocket(place: SocketPlace): boolean {
  const file = place.file();
  if (file === undefined || !file.isSocket() || Number(file.uid) !== process.geteuid?.()) return false;
  if (boundPaths(readFileSync('/proc/net/unix', 'latin1')).includes(place.path)) return false;
  const caller = unixSocket('stream');
  if (typeof caller === 'number') return false;
  const answer = connectToPath(caller.number, place.entry);
  caller.close();
  if (answer !== -constants.errno.ECONNREFUSED) return false;
  place.remove();
  return true;
}

// The paths that AF_UNIX sockets of this network namespace were bound to, unix(7). Pure.

/** @param table the text of /proc/net/unix; abstract names begin with `@` there */
export function boundPaths(table: string): readonly string[] {
  const paths: string[] = [];
  for (const line of table.split('\n').slice(1)) {
    // Num RefCount Protocol Flags Type St Inode Path
    const path = /^\S+: \S+ \S+ \S+ \S+ \S+ +\d+ (\/.*)$/.exec(line)?.[1];
    if (path !== undefined) paths.push(path);
  }
  return paths;
}

// Explains why a listener could not be bound, with the fix. A pure function.

const { EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EROFS } =
  constants.errno;

/** @param errno of socket(2), bind(2) or listen(2), positive */
export function listenFailure(name: string, address: ListenAddress, errno: number): PosternError {
  const [why, fix] = (address.kind === 'tcp' ? ofTcp(address.port, errno) : ofUnix(address.path, errno)) ?? [
    errnoName(errno),
    undefined,
  ];
  const text = `Cannot listen on ${quote(showListenAddress(address))} for "${name}": ${why}`;
  return new PosternError('listen_address', text, { fix, fields: { listener: name, errno } });
}

function ofTcp(port: number, errno: number): readonly [why: string, fix: string] | undefined {
  if (errno === EADDRINUSE)
    return ['another socket has that port', 'choose another port, or end the process that has it (ss -ltnp)'];
  if (errno === EACCES) {
    const sysctl = `sysctl net.ipv4.ip_unprivileged_port_start=${port}`;
    return [
      'that port is reserved for root',
      `choose a port above 1023, or allow it to every user: ${sysctl}`,
    ];
  }
  if (errno === EADDRNOTAVAIL)
    return ['no interface of this host has that address', 'choose one that "ip address" lists'];
  if (errno === EAFNOSUPPORT) return ['this host has no IPv6', 'choose an IPv4 address'];
  return undefined;
}

function ofUnix(path: string, errno: number): readonly [why: string, fix: string] | undefined {
  const folder = quote(dirname(path));
  if (errno === EADDRINUSE)
    return ['something is there already', 'choose another path, or remove it if nothing needs it'];
  if (errno === ENOENT) return [`the folder ${folder} does not exist`, 'make it, or choose another path'];
  if (errno === ENOTDIR) return [`${folder} is not a folder`, 'choose another path'];
  if (errno === ELOOP)
    return [
      `a link leads to ${folder}, and a plugin could have made it`,
      'look at that link: if it is yours, name what it leads to instead',
    ];
  if (errno === EACCES || errno === EROFS)
    return [`you may not make a file in ${folder}`, 'choose a folder that you may write to'];
  if (errno === ENAMETOOLONG)
    return ["a socket's path has at most 107 bytes, links of its folder resolved", 'choose a shorter path'];
  return undefined;
}

// An address as a client would write it. A pure function.

export function showListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return address.path;
  const { family, text } = addressFromBytes(address.bytes);
  return family === 4 ? `${text}:${address.port}` : `[${text}]:${address.port}`;
}
