// SO_PEERCRED, unix(7): which process made the other end of a connected AF_UNIX socket. The kernel noted it at connect(2), or at listen(2) of a
// server. Runs in the supervisor and in the commands of an operator.
import { LAYOUT } from './layout.js';
import { SOL_SOCKET } from './socket-constants.js';
import { readOption } from './socket-option.js';
import { succeed } from './system-error.js';

const SO_PEERCRED = 17;
const UCRED = LAYOUT['struct ucred'];

export interface PeerCredentials {
  /** 0 for a process of a pid namespace that this process does not see into. */
  readonly pid: number;
  readonly uid: number;
}

/** @throws SystemError for a descriptor that is no socket */
export function peerCredentials(fd: number): PeerCredentials {
  const view = new DataView(new ArrayBuffer(UCRED.size));
  succeed(readOption(fd, SOL_SOCKET, SO_PEERCRED, new Uint8Array(view.buffer)), 'getsockopt SO_PEERCRED');
  return { pid: view.getInt32(0, true), uid: view.getUint32(UCRED.uid, true) };
}
