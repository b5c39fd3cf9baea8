// bind(2) of an AF_UNIX socket to a name that the kernel picks, unix(7). Runs in the supervisor.
import { bind } from './libc.js';
import { AF_UNIX } from './sockaddr.js';
import { succeed } from './system-error.js';

const bindSocket = bind('int bind(int fd, const void *address, uint length)');
const FAMILY_ALONE = new Uint8Array(new Uint16Array([AF_UNIX]).buffer);

/**
 * Leaves no other name to a socket of the host's network that a plugin gets: an AF_UNIX bind(2) of the plugin's goes on, and where
 * another thread swaps the descriptor meanwhile, it would give that socket an abstract name of the host's.
 */
export function nameForGood(fd: number): void {
  succeed(bindSocket(fd, FAMILY_ALONE, FAMILY_ALONE.length), 'bind');
}
