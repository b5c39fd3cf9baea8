// What a supervisor that was killed leaves: a socket file that nobody listens on, which would keep the next one from its
// path. Anything else that lies there stays.
import { lstatSync, readFileSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { connectToPath, unixStreamSocket } from '../../../shared/sys/socket.js';
import { boundPaths } from '../root/visible-sockets.js';

/**
 * Removes a socket file of this user's own that no socket of this network namespace is bound to and that refuses to be
 * connected to.
 *
 * @returns whether it did
 */
export function removeStaleSocket(path: string): boolean {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined || !file.isSocket() || file.uid !== process.geteuid?.()) return false;
  if (boundPaths(readFileSync('/proc/net/unix', 'latin1')).includes(path)) return false;
  const caller = unixStreamSocket();
  if (typeof caller === 'number') return false;
  const answer = connectToPath(caller.number, path);
  caller.close();
  if (answer !== -constants.errno.ECONNREFUSED) return false;
  unlinkSync(path);
  return true;
}
