// bind(2), listen(2), getsockname(2). Runs in the supervisor, whose listeners the plugins inherit.
import { bind as bindFunction } from './libc.js';
import { decodeSockaddr, type Endpoint, encodeSockaddr, encodeSocketPath } from './sockaddr.js';

const bind = bindFunction('int bind(int fd, const void *address, uint length)');
const listen = bindFunction('int listen(int fd, int backlog)');
const getsockname = bindFunction('int getsockname(int fd, void *address, void *length)');

/** Takes an address and port; port 0 any free one. @returns 0, or minus errno: EADDRINUSE, EACCES, EADDRNOTAVAIL, … */
export function bindTo(fd: number, endpoint: Endpoint): number {
  const address = encodeSockaddr(endpoint);
  return bind(fd, address, address.length);
}

/** Makes a socket file, with the mode 0777 less the umask. @returns 0, or minus errno: EADDRINUSE where something is there */
export function bindToPath(fd: number, path: string): number {
  const address = encodeSocketPath(path);
  return bind(fd, address, address.length);
}

/** Lets a bound socket listen; on one that listens, sets how many callers may wait. @returns 0, or minus errno */
export function listenOn(fd: number, backlog: number): number {
  return listen(fd, backlog);
}

/** What an inet socket is bound to; undefined for another family. */
export function boundTo(fd: number): Endpoint | undefined {
  const bytes = new Uint8Array(128);
  const length = new Uint32Array([bytes.length]);
  if (getsockname(fd, bytes, new Uint8Array(length.buffer)) < 0) return undefined;
  return decodeSockaddr(bytes.subarray(0, length[0]));
}
