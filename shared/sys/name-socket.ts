// bind(2) of an AF_UNIX socket to a name that the kernel picks, unix(7). Runs in the supervisor.
import { bindTo } from './listen.js';
import { AF_UNIX } from './sockaddr.js';
import { succeed } from './system-error.js';

const FAMILY_ALONE = new Uint8Array(new Uint16Array([AF_UNIX]).buffer);

/**
 * Gives a socket of the host a name that it keeps for good. The plugin's own AF_UNIX bind(2) is executed as it is: another thread of the
 * plugin could swap the descriptor meanwhile, and so give this socket an abstract name of the host.
 */
export function nameForGood(fd: number): void {
  // protects: G1 a socket of the host's that a plugin is started with has a name for good => ((..._) => { })((fd, FAMILY_ALONE), 'bind');
  succeed(bindTo(fd, FAMILY_ALONE), 'bind');
}
