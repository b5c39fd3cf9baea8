// pipe(2). Runs in the supervisor and the tests.
import { constants } from 'node:fs';
import { O_CLOEXEC } from './fcntl.js';
import { bind, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';

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
