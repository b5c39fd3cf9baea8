// Starts the process that reads what a plugin says by its notify socket, sd_notify(3). It is a child of the sandbox's init, with init's filters and without
// a capability. The plugin can send descriptors with its messages. This process takes none: read(2) drops them. So if the last close of one waits, it
// waits here, and ends with the sandbox. The supervisor gets bytes by a pipe, which carries no descriptor.
import { spawn } from 'node:child_process';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

/** dd(1) writes each message as a block of its own, POSIX. A longer one is cut. A packet-mode pipe keeps the block together, pipe(7). */
const COPY = ['dd', 'bs=4096'] as const;

/**
 * @param socket the end that is read
 * @param pipe the writing end of a pipe in packet mode
 */
export function relayNotices(socket: OwnedFd, pipe: OwnedFd): void {
  const [program, ...words] = COPY;
  const { pid } = spawn(program, words, {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    stdio: [socket.number, pipe.number, 'ignore'],
  });
  if (pid === undefined) process.exit(1);
}
