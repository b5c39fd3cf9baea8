// Who may ask over the control socket. Pure.
import type { PeerCredentials } from '../../../shared/sys/socket-state.js';

const ROOT = 0;

/**
 * @param peer as SO_PEERCRED says
 * @param own the uid of the supervisor, and whether a process is postern's own: the broker has the uid of a user who starts postern, and a plugin that took it
 *   over must not command the supervisor. A connect for a plugin comes from the broker, or as root from the supervisor itself
 * @returns why it may not ask; undefined if it may
 */
export function refusePeer(
  { pid, uid }: PeerCredentials,
  own: { readonly uid: number; readonly isOwn: (pid: number) => boolean },
): string | undefined {
  // protects: G21 control: another user commands nothing
  if (uid !== own.uid && uid !== ROOT)
    return `Only uid ${own.uid}, which started postern, and root may ask, and not uid ${uid}`;
  return /* protects: G21 control: a broker commands nothing => false */ own.isOwn(pid)
    ? `No process of postern may ask, and pid ${pid} is one`
    : undefined;
}
