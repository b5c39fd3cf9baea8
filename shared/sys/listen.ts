// bind(2), listen(2) and getsockname(2). Runs in the supervisor for listeners, and in the broker for sockets of a sandbox.
import { bind, type NativeCall } from './libc.js';
import { decodeSockaddr, type Endpoint, SOCKADDR_BYTES } from './sockaddr.js';
import { bindSocket, getsockname } from './socket-calls.js';

const listen: NativeCall = bind('int listen(int fd, int backlog)');

/**
 * Binds a socket. A path makes a socket file, with mode 0777 less the umask.
 *
 * @param address a struct sockaddr
 * @returns 0, or minus errno: EADDRINUSE, EACCES, EADDRNOTAVAIL, …
 */
export function bindTo(fd: number, address: Uint8Array): number {
  return bindSocket(fd, address, address.length);
}

/** Makes a bound socket listen, or changes how many callers of a listening one may wait. @returns 0, or minus errno */
export function listenOn(fd: number, backlog: number): number {
  return listen(fd, backlog);
}

// SAFETY: lent to one call at a time, on the main thread. decodeSockaddr copies the address.
const address = new Uint8Array(SOCKADDR_BYTES);
const length = new Uint32Array(1);
const lengthBytes = new Uint8Array(length.buffer);

/** The address of an inet socket; undefined for another family. */
export function boundAddress(fd: number): Endpoint | undefined {
  length[0] = SOCKADDR_BYTES;
  if (getsockname(fd, address, lengthBytes) < 0) return undefined;
  return decodeSockaddr(address, length[0]);
}
