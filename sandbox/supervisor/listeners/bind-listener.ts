// Binds one listener in the host's network namespace. Runs in the supervisor; trusts the configuration, not what it finds.
import { type BigIntStats, lstatSync } from 'node:fs';
import { constants } from 'node:os';
import type { ListenAddress } from '../../../shared/config/listen-address.js';
import { LISTEN_BACKLOG } from '../../../shared/limits.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { encodeSockaddr, encodeSocketPath } from '../../../shared/sys/sockaddr.js';
import {
  bindTo,
  boundAddress,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  listenOn,
  SOL_SOCKET,
  setOption,
  tcpSocket,
  unixSocket,
} from '../../../shared/sys/socket.js';
import { listenFailure } from './listen-failure.js';
import { SocketPlace } from './socket-place.js';
import { removeStaleSocket } from './stale-socket.js';

export type TcpAddress = ListenAddress & { readonly kind: 'tcp' };

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
 * @param where an address, or the place of a socket file
 * @throws PosternError `listen_address`, with the fix; nothing is left bound
 */
export function bindListener(name: string, where: TcpAddress | SocketPlace): BoundListener {
  return where instanceof SocketPlace ? bindUnix(name, where) : bindTcp(name, where);
}

function bindTcp(name: string, address: TcpAddress): BoundListener {
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

function bindUnix(name: string, place: SocketPlace): BoundListener {
  const address: ListenAddress = { kind: 'unix', path: place.path };
  // bind(2) follows links, and the socket keeps the path that it was bound by: clients and the plugin read it.
  // protects: G14 a listener is bound anew through no link (as root)
  place.reopen(name);
  const socket = unixSocket('stream');
  if (typeof socket === 'number') throw listenFailure(name, address, -socket);
  const path = encodeSocketPath(place.path);
  let result = bindTo(socket.number, path);
  if (result === -EADDRINUSE && removeStaleSocket(place)) result = bindTo(socket.number, path);
  if (result < 0) {
    socket.close();
    throw listenFailure(name, address, -result);
  }
  const file = lstatSync(place.path, { bigint: true });
  // If somebody put a link on the way in this moment, the file is elsewhere.
  const found = place.file();
  if (found?.dev !== file.dev || found.ino !== file.ino) {
    socket.close();
    throw listenFailure(name, address, ELOOP);
  }
  listenOn(socket.number, LISTEN_BACKLOG);
  return { socket, address, file: { dev: file.dev, ino: file.ino } };
}
