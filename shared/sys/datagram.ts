// recvfrom(2), sendto(2), bind(2), listen(2), getsockname(2), accept4(2) for inet sockets that serve others. Runs in broker
// and launcher.
import { constants } from 'node:fs';
import { bind } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { AF_INET, AF_INET6, decodeSockaddr, type Endpoint, encodeSockaddr } from './sockaddr.js';
import { succeed } from './system-error.js';

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** sizeof(struct sockaddr_storage): no address is longer. */
const SOCKADDR_BYTES = 128;

const socket = bind('int socket(int domain, int type, int protocol)');
const bindCall = bind('int bind(int fd, const void *address, uint length)');
const listenCall = bind('int listen(int fd, int backlog)');
const getsockname = bind('int getsockname(int fd, void *address, void *length)');
const accept4 = bind('int accept4(int fd, void *address, void *length, int flags)');
const recvfrom = bind(
  'long recvfrom(int fd, void *buffer, size_t length, int flags, void *address, void *addressLength)',
);
const sendto = bind(
  'long sendto(int fd, const void *buffer, size_t length, int flags, const void *address, uint addressLength)',
);

// SAFETY: lent to one call at a time, on the main thread; what is kept of them is copied before the next call.
const addressBytes = new Uint8Array(SOCKADDR_BYTES);
const addressLength = new Uint32Array(1);
const addressLengthBytes = new Uint8Array(addressLength.buffer);

/** A datagram that was received, into the caller's buffer. */
export interface Datagram {
  /** As it was sent: more than the buffer's length where the rest is lost. */
  readonly length: number;
  /** undefined for a family other than IPv4 and IPv6. */
  readonly from: Endpoint | undefined;
}

/** Receives one datagram. Never waits. @returns it, or minus errno: EAGAIN where there is none */
export function receiveDatagram(fd: number, buffer: Uint8Array): Datagram | number {
  addressLength[0] = SOCKADDR_BYTES;
  const flags = MSG_DONTWAIT | MSG_TRUNC;
  const length = recvfrom(fd, buffer, buffer.length, flags, addressBytes, addressLengthBytes);
  if (length < 0) return length;
  return { length, from: decodeSockaddr(addressBytes.subarray(0, addressLength[0])) };
}

/** Sends one datagram. Never waits. @returns bytes sent, or minus errno: EAGAIN where the buffer is full */
export function sendDatagram(fd: number, bytes: Uint8Array, to: Endpoint): number {
  const address = encodeSockaddr(to);
  return sendto(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, address, address.length);
}

/** Sends on a connected stream. Never waits, raises no SIGPIPE. @returns bytes sent, or minus errno */
export function sendSome(fd: number, bytes: Uint8Array): number {
  return sendto(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, null, 0);
}

/** Takes a connection of a listening socket, non-blocking and close-on-exec. @returns it, or minus errno */
export function acceptConnection(fd: number): OwnedFd | number {
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
  succeed(listenCall(fd.number, backlog), 'listen');
  return fd;
}

function boundSocket(endpoint: Endpoint, type: number): OwnedFd {
  const domain = endpoint.bytes.length === 4 ? AF_INET : AF_INET6;
  const fd = new OwnedFd(succeed(socket(domain, type | SOCK_CLOEXEC | constants.O_NONBLOCK, 0), 'socket'));
  const address = encodeSockaddr(endpoint);
  const result = bindCall(fd.number, address, address.length);
  if (result < 0) fd.close();
  succeed(result, 'bind');
  return fd;
}

/** Where a socket is bound; undefined for a family other than IPv4 and IPv6. */
export function boundAddress(fd: number): Endpoint | undefined {
  addressLength[0] = SOCKADDR_BYTES;
  succeed(getsockname(fd, addressBytes, addressLengthBytes), 'getsockname');
  return decodeSockaddr(addressBytes.subarray(0, addressLength[0]));
}
