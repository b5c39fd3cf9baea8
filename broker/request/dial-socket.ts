// Dials a host's socket by its open file. Runs in the broker, with its credentials. It never blocks: a full queue is tried again.
import { constants } from 'node:os';
import { SOCKET_RETRY_MS } from '../../shared/limits.js';
import { nameForGood } from '../../shared/sys/name-socket.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { connectToPath, type UnixSocketType, unixSocket } from '../../shared/sys/socket.js';
import { SystemError } from '../../shared/sys/system-error.js';
import type { DescriptorShare } from '../limit/descriptor-shares.js';
import type { RequestLife } from '../limit/request-life.js';

const { EAGAIN, ECANCELED, ETIMEDOUT } = constants.errno;

/**
 * Connects to a socket.
 *
 * @param file a handle of the socket file, open until the end
 * @param life ends the attempts early
 * @param descriptors counts the socket
 * @returns the connected socket, non-blocking, or minus errno: ECONNREFUSED if nobody listens, EACCES, EPROTOTYPE for another type
 */
export async function dialSocket(
  file: OwnedFd,
  type: UnixSocketType,
  life: RequestLife,
  descriptors: Pick<DescriptorShare, 'hold'>,
): Promise<OwnedFd | number> {
  const socket = unixSocket(type);
  if (typeof socket === 'number') return socket;
  descriptors.hold(socket);
  try {
    // Without a name, the plugin could give it an abstract name of the host.
    // protects: G6 a handed-over socket has a name already
    nameForGood(socket.number);
  } catch (error) {
    socket.close();
    if (error instanceof SystemError) return -error.errno;
    throw error;
  }
  for (;;) {
    // The link of /proc leads to the file itself: no path is walked again.
    const result = connectToPath(socket.number, `/proc/self/fd/${file.number}`);
    if (result === 0) return socket;
    if (result === -EAGAIN) await pause(life);
    if (result === -EAGAIN && life.ended === undefined) continue;
    socket.close();
    return life.ended === undefined ? result : life.ended === 'timeout' ? -ETIMEDOUT : -ECANCELED;
  }
}

/** Until the next attempt, or until the request ends. */
function pause(life: RequestLife): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, SOCKET_RETRY_MS);
    life.whenEnded(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
