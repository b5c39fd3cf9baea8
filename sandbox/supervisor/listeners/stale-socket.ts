// Removes the socket file that a killed supervisor left. Nobody listens on it, but it would keep the next supervisor from its path.
// Any other file stays.
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { connectToPath, unixSocket } from '../../../shared/sys/socket.js';
import { boundPaths } from './bound-paths.js';
import type { SocketPlace } from './socket-place.js';

/**
 * Removes a socket file of this user, where no socket of this network namespace is bound to it and a connect to it is refused.
 *
 * @returns whether it removed the file
 */
export function removeStaleSocket(place: SocketPlace): boolean {
  const file = place.file();
  if (file === undefined || !file.isSocket() || Number(file.uid) !== process.geteuid?.()) return false;
  if (boundPaths(readFileSync('/proc/net/unix', 'latin1')).includes(place.path)) return false;
  const caller = unixSocket('stream');
  if (typeof caller === 'number') return false;
  const answer = connectToPath(caller.number, place.entry);
  caller.close();
  if (answer !== -constants.errno.ECONNREFUSED) return false;
  place.remove();
  return true;
}
