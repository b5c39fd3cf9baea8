// Binds one listener in the host's network namespace. Runs in the supervisor; trusts the configuration, not what it finds.
import { type BigIntStats, lstatSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type ListenAddress, MAX_SOCKET_PATH_BYTES } from '../../../shared/config/listen-address.js';
import { LISTEN_BACKLOG } from '../../../shared/limits.js';
import { bindTo, boundAddress, listenOn } from '../../../shared/sys/listen.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { encodeSockaddr, encodeSocketPath } from '../../../shared/sys/sockaddr.js';
import { tcpSocket, unixSocket } from '../../../shared/sys/socket.js';
import { IPPROTO_IPV6, IPV6_V6ONLY, SOL_SOCKET } from '../../../shared/sys/socket-constants.js';
import { setOption } from '../../../shared/sys/socket-option.js';
import { SystemError } from '../../../shared/sys/system-error.js';
import { listenFailure } from './listen-failure.js';
import { removeStaleSocket } from './stale-socket.js';

type UnixAddress = ListenAddress & { readonly kind: 'unix' };

const { EADDRINUSE, ELOOP } = constants.errno;
const SO_REUSEADDR = 2;

export interface BoundListener {
  readonly socket: OwnedFd;
  /** The bound address: with the port that the kernel picked, or the path with the links of its folder resolved. */
  readonly address: ListenAddress;
  /** The socket file that was made. */
  readonly file?: Pick<BigIntStats, 'dev' | 'ino'>;
}

/**
 * @param name the listener's name, for the error
 * @param resolved whether the path of the address has no links. Then none is followed: a plugin may have put it there
 * @throws PosternError `listen_address`, with the fix; nothing is left bound
 */
export function bindListener(name: string, address: ListenAddress, resolved = false): BoundListener {
  if (address.kind === 'tcp') return bindTcp(name, address);
  return bindUnix(name, resolved ? address : { kind: 'unix', path: realPath(name, address) });
}

function bindTcp(name: string, address: ListenAddress & { readonly kind: 'tcp' }): BoundListener {
  const socket = tcpSocket(address.bytes.length === 4 ? 4 : 6);
  if (typeof socket === 'number') throw listenFailure(name, address, -socket);
  // Without it a port could not be bound again while its last connections linger (TIME_WAIT).
  setOption(socket.number, SOL_SOCKET, SO_REUSEADDR, 1);
  // [::] means IPv6 alone, whatever net.ipv6.bindv6only says: it can stand beside 0.0.0.0.
  if (address.bytes.length === 16) setOption(socket.number, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  let result = bindTo(socket.number, encodeSockaddr(address));
  if (result === 0) result = listenOn(socket.number, LISTEN_BACKLOG);
  if (result < 0) {
    socket.close();
    throw listenFailure(name, address, -result);
  }
  return { socket, address: { ...address, port: boundAddress(socket.number)?.port ?? address.port } };
}

function bindUnix(name: string, address: UnixAddress): BoundListener {
  using folder = folderOf(name, address);
  const socket = unixSocket('stream');
  if (typeof socket === 'number') throw listenFailure(name, address, -socket);
  const path = encodeSocketPath(address.path);
  let result = bindTo(socket.number, path);
  if (result === -EADDRINUSE && removeStaleSocket(address.path)) result = bindTo(socket.number, path);
  if (result < 0) {
    socket.close();
    throw listenFailure(name, address, -result);
  }
  const file = lstatSync(address.path, { bigint: true });
  // bind(2) follows links. If somebody put one on the way in this moment, the file is elsewhere.
  if (!isIn(folder, basename(address.path), file)) {
    socket.close();
    throw listenFailure(name, address, ELOOP);
  }
  listenOn(socket.number, LISTEN_BACKLOG);
  return { socket, address, file: { dev: file.dev, ino: file.ino } };
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

function isIn(folder: OwnedFd, name: string, { dev, ino }: BigIntStats): boolean {
  const found = lstatSync(`/proc/self/fd/${folder.number}/${name}`, { bigint: true, throwIfNoEntry: false });
  return found?.dev === dev && found.ino === ino;
}

/** /proc/net/unix shows this path, by which stale-socket.ts finds whether the socket is in use. */
function realPath(name: string, address: UnixAddress): string {
  const { path } = address;
  try {
    const real = join(realpathSync(dirname(path)), basename(path));
    if (Buffer.byteLength(real) > MAX_SOCKET_PATH_BYTES)
      throw listenFailure(name, { kind: 'unix', path: real }, constants.errno.ENAMETOOLONG);
    return real;
  } catch (error) {
    const errno = error instanceof Error && 'errno' in error ? error.errno : undefined;
    throw typeof errno === 'number' ? listenFailure(name, address, Math.abs(errno)) : error;
  }
}
