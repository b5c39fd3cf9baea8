// SO_MARK, socket(7): the mark of a socket's packets, by which the kernel's rules can route and filter them. Runs in the supervisor.
import { SOL_SOCKET } from './socket-constants.js';
import { writeOption } from './socket-option.js';

const SO_MARK = 36;

/**
 * @param mark 1 to 2^32 - 1
 * @returns 0, or minus errno: EPERM without CAP_NET_ADMIN in the user namespace of the socket's network
 */
export function setSocketMark(fd: number, mark: number): number {
  return writeOption(fd, SOL_SOCKET, SO_MARK, new Uint8Array(new Uint32Array([mark]).buffer));
}
