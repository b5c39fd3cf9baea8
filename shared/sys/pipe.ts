// pipe(2), and preadv2(2) and FIONREAD on one. Runs in the supervisor, the broker and the tests.
import { constants } from 'node:fs';
import { constants as system } from 'node:os';
import koffi from 'koffi';
import { O_CLOEXEC, readOnce } from './fcntl.js';
import { LAYOUT } from './layout.js';
import { bind, ioctl, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';

const IOVEC = LAYOUT['struct iovec'];
const RWF_NOWAIT = 8;
const FIONREAD = 0x541b;

const preadv2 = bind('long preadv2(int fd, const void *parts, int count, long offset, int flags)');
const pipe2 = bind('int pipe2(int *fds, int flags)');

export interface PipeOptions {
  readonly packet?: boolean;
  readonly nonBlocking?: boolean;
}

export interface Pipe {
  readonly read: OwnedFd;
  readonly write: OwnedFd;
}

/**
 * Makes a pipe, both ends close-on-exec.
 *
 * @param packet true for packet mode (O_DIRECT): each write of up to PIPE_BUF (4,096) bytes is read as one
 * @param nonBlocking for both ends. Each end is an open file description, and fcntl.ts can change one of them
 */
export function makePipe({ packet = false, nonBlocking = false }: PipeOptions = {}): Pipe {
  const fds = new Int32Array(2);
  // O_DIRECT differs between x86-64 and arm64. Node's constants are those of the machine.
  const flags = O_CLOEXEC | (packet ? constants.O_DIRECT : 0) | (nonBlocking ? constants.O_NONBLOCK : 0);
  succeed(pipe2(new Uint8Array(fds.buffer), flags), 'pipe2');
  const [read = -1, write = -1] = fds;
  return { read: new OwnedFd(read), write: new OwnedFd(write) };
}

/** How many bytes are in a pipe, FIONREAD of pipe(7). */
export function bytesInPipe(fd: number): number {
  const count = new Int32Array(1);
  succeed(ioctl(fd, FIONREAD, new Uint8Array(count.buffer)), 'ioctl FIONREAD');
  return count[0] ?? 0;
}

const part = new DataView(new ArrayBuffer(IOVEC.size));
const partBytes = new Uint8Array(part.buffer);
let described: Uint8Array | undefined;

/**
 * Reads once from a pipe, and does not wait for bytes. Another process that has the same open file can clear O_NONBLOCK at any time, and Linux 6.4
 * needs no such flag. Before that the flag decides.
 *
 * @returns bytes read, 0 at the end, or minus errno: EAGAIN if there is nothing
 */
export function readPipe(fd: number, buffer: Uint8Array): number {
  if (described !== buffer) {
    // SAFETY: the memory of an ArrayBuffer does not move, and `described` keeps it alive.
    part.setBigUint64(0, koffi.address(buffer), true);
    part.setBigUint64(IOVEC.iov_len, BigInt(buffer.length), true);
    described = buffer;
  }
  const length = preadv2(
    fd,
    partBytes,
    1,
    -1,
    /* protects: G8 a request is read without waiting, whoever has the pipe too => 0 * RWF_NOWAIT */ RWF_NOWAIT,
  );
  return length === -system.errno.EOPNOTSUPP ? readOnce(fd, buffer) : length;
}
