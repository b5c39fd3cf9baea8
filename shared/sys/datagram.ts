// Inet sockets that serve others: recvfrom(2), sendto(2), accept4(2). Runs in broker and launcher.
import { constants } from 'node:fs';
import { constants as system } from 'node:os';
import { bind, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import {
  AF_INET,
  AF_INET6,
  decodeSockaddr,
  type Endpoint,
  encodeSockaddr,
  SOCKADDR_BYTES,
} from './sockaddr.js';
import {
  bindTo,
  listenOn,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_PEEK,
  MSG_TRUNC,
  readableNow,
  recvfrom,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_STREAM,
  sendto,
  socket,
} from './socket.js';

const accept4 = bind('int accept4(int fd, void *address, void *length, int flags)');

// SAFETY: lent to one call at a time, on the main thread. decodeSockaddr copies the address.
const addressBytes = new Uint8Array(SOCKADDR_BYTES);
const addressLength = new Uint32Array(1);
const addressLengthBytes = new Uint8Array(addressLength.buffer);

/** A datagram that lies in the buffer of the function's caller. */
export interface Datagram {
  /** As it was sent. If it is more than the buffer's length, the rest is lost. */
  readonly length: number;
  /** undefined for a family other than IPv4 and IPv6. */
  readonly from: Endpoint | undefined;
}

/** Receives one datagram. Never waits. @returns it, or minus errno: EAGAIN if there is none */
export function receiveDatagram(fd: number, buffer: Uint8Array): Datagram | number {
  addressLength[0] = SOCKADDR_BYTES;
  const flags = MSG_DONTWAIT | MSG_TRUNC;
  const length = recvfrom(fd, buffer, buffer.length, flags, addressBytes, addressLengthBytes);
  if (length < 0) return length;
  return { length, from: decodeSockaddr(addressBytes.subarray(0, addressLength[0])) };
}

/** Sends one datagram. Never waits. @returns bytes sent, or minus errno: EAGAIN if the buffer is full */
export function sendDatagram(fd: number, bytes: Uint8Array, to: Endpoint): number {
  const address = encodeSockaddr(to);
  return sendto(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, address, address.length);
}

/** Sends on a connected stream. Never waits, raises no SIGPIPE. @returns bytes sent, or minus errno */
export function sendSome(fd: number, bytes: Uint8Array): number {
  return sendto(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, null, 0);
}

/**
 * Copies what has come on a connected stream, and leaves it there. Never waits.
 *
 * @returns bytes copied, 0 at the end, or minus errno: EAGAIN if nothing has come
 */
export function peekSome(fd: number, buffer: Uint8Array): number {
  return recvfrom(fd, buffer, buffer.length, MSG_PEEK | MSG_DONTWAIT, null, null);
}

/**
 * Accepts a connection of a listening socket, non-blocking and close-on-exec. It waits for none: another process that has the socket can clear its
 * O_NONBLOCK. Only one that takes a connection in this very moment makes it wait.
 *
 * @returns it, or minus errno: EAGAIN if there is none
 */
export function acceptConnection(fd: number): OwnedFd | number {
  // protects: G8 a connection is accepted without waiting, whoever has the listener too
  if (readableNow(fd) === 'idle') return -system.errno.EAGAIN;
  const result = accept4(fd, null, null, SOCK_CLOEXEC | constants.O_NONBLOCK);
  return result < 0 ? result : new OwnedFd(result);
}

/** A UDP socket bound to an address, non-blocking and close-on-exec. @throws SystemError (EACCES, EADDRINUSE, …) */
export function boundDatagramSocket(endpoint: Endpoint): OwnedFd {
  return boundSocket(endpoint, SOCK_DGRAM);
}

/** A TCP socket that listens, non-blocking and close-on-exec. @throws SystemError (EACCES, EADDRINUSE, …) */
export function listeningSocket(endpoint: Endpoint, backlog: number): OwnedFd {
  const fd = boundSocket(endpoint, SOCK_STREAM);
  succeed(listenOn(fd.number, backlog), 'listen');
  return fd;
}

function boundSocket(endpoint: Endpoint, type: number): OwnedFd {
  const domain = endpoint.bytes.length === 4 ? AF_INET : AF_INET6;
  const fd = new OwnedFd(succeed(socket(domain, type | SOCK_CLOEXEC | constants.O_NONBLOCK, 0), 'socket'));
  const result = bindTo(fd.number, encodeSockaddr(endpoint));
  if (result < 0) fd.close();
  succeed(result, 'bind');
  return fd;
}
