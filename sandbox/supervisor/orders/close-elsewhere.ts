// Closes descriptors that others can have filled: a broker that was taken over, a plugin, or a client of a listener. Runs on the supervisor's main
// thread, which closes none of these itself.
// - The threat: a connection that lingers (SO_LINGER) lies in the queue of an AF_UNIX socket, or in that of a socket in the queue. The last close(2)
//   of the queue waits for it, for hours. The last close of a pipe waits for a writer that holds its lock.
// - The kernel lets no process linger that ends (PF_EXITING). So a cat(1) gets the descriptors. The close here is not the last one then, and the
//   cat(1) is ended.
// - A thread could wait there instead. Then Node could not end this process: it waits for its threads.
// - Almost always nothing is there, and nothing can come. Then no process is needed.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { acceptConnection } from '../../../shared/sys/datagram.js';
import { lookAtMessage } from '../../../shared/sys/message.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { AF_UNIX } from '../../../shared/sys/sockaddr.js';
import {
  isHungUp,
  isListening,
  receiveCredentials,
  SOCK_DGRAM,
  shutDown,
  socketKind,
} from '../../../shared/sys/socket.js';
import { SYSTEM_PATH } from '../../host/find-program.js';

const { EAGAIN, EINVAL } = constants.errno;
/** After a failure to start the process. */
const PAUSE_MS = 1_000;

/**
 * Shuts AF_UNIX sockets down for all who hold them, and closes this process's descriptors.
 *
 * @param descriptors sockets, and reading ends of pipes. Owned from here on; one that is closed already counts for nothing
 */
export function closeElsewhere(...descriptors: readonly OwnedFd[]): void {
  const open = descriptors.filter((one) => one.open).map((one) => new OwnedFd(one.release()));
  const full: OwnedFd[] = [];
  for (const one of open) {
    if (
      /* protects: G13 what others left in a queue is closed by another process => true */ isEmpty(one.number)
    )
      one.close();
    else full.push(one);
  }
  if (full.length > 0) closeByProcess(full);
}

/** Whether nothing is in the queue, and nothing can come. */
function isEmpty(fd: number): boolean {
  const kind = socketKind(fd);
  // Without a writer nobody holds the lock of a pipe.
  if (kind === undefined) return isHungUp(fd);
  // A connection never lingers before accept(2).
  if (kind.family !== AF_UNIX) return kind.type === SOCK_DGRAM || isListening(fd);
  shutDown(fd);
  if (isListening(fd)) return hasNoClients(fd);
  // With this option no message is like the end, see lookAtMessage().
  receiveCredentials(fd);
  return ['nothing', 'end'].includes(lookAtMessage(fd));
}

/** @param fd an AF_UNIX socket that listens, and was shut down. Clients that have sent nothing are cut off */
function hasNoClients(fd: number): boolean {
  for (;;) {
    const client = acceptConnection(fd);
    // No client waits, in a socket that is non-blocking or not.
    if (typeof client === 'number') return client === -EAGAIN || client === -EINVAL;
    if (!isEmpty(client.number)) {
      closeByProcess([client]);
      return false;
    }
    client.close();
  }
}

function closeByProcess(full: readonly OwnedFd[]): void {
  const numbers = full.map(({ number }) => number);
  try {
    // If this process dies now, the end of its input ends it.
    const holder = spawn('cat', {
      cwd: '/',
      env: { PATH: SYSTEM_PATH },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore', ...numbers],
    });
    // Without a listener the error would end this process.
    holder.on('error', () => {});
    holder.stdin?.on('error', () => {});
    if (holder.pid !== undefined) {
      for (const one of full) one.close();
      holder.kill('SIGKILL');
      holder.stdin?.destroy();
      holder.unref();
      return;
    }
  } catch {
    // As for an error that comes later.
  }
  // There is no descriptor, no process or no memory left now.
  setTimeout(() => closeByProcess(full), PAUSE_MS).unref();
}
