// A plugin that makes connects to its own AF_UNIX listener wait: the queue is full, and O_NONBLOCK is cleared again and again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { UnixTarget } from '../../shared/sys/connect-inside.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

const NAME = `postern-full-${process.pid}`;
/** The listener. */
export const FULL_QUEUE: UnixTarget = { kind: 'abstract', address: Buffer.from(`\x01\0\0${NAME}`, 'latin1') };
const HOLDER = `
import fcntl, socket
listener = socket.socket(socket.AF_UNIX)
listener.bind("\\0${NAME}")
listener.listen(0)
kept = []
try:
    while True:
        kept.append(socket.socket(socket.AF_UNIX))
        kept[-1].setblocking(False)
        kept[-1].connect("\\0${NAME}")
except BlockingIOError:
    print("full", flush=True)
while True: fcntl.fcntl(3, fcntl.F_SETFL, 0)
`;

/**
 * One in some hundred connects of the socket waits then.
 *
 * @param socket shared with the process
 * @returns the process that holds it all. Its end lets a waiting connect go on
 */
export async function holdFullQueue(socket: OwnedFd): Promise<ChildProcess> {
  const child = spawn('python3', ['-c', HOLDER], { stdio: ['ignore', 'pipe', 'inherit', socket.number] });
  if (child.stdout !== null) await once(child.stdout, 'data');
  return child;
}
