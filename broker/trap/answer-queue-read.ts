// A trapped read of a socket's error queue: recvfrom(2), recvmsg(2) or recvmmsg(2) with MSG_ERRQUEUE. The plugin gets no entry of the queue: one holds
// a packet that was sent, with hardware addresses of the host, or the address of a router. But poll(2) reports POLLERR until somebody takes
// the error and the entries. So the broker takes them, and answers with an errno. Runs in the broker.
import { constants } from 'node:os';
import { emptyErrorQueue } from '../../shared/sys/error-queue.js';
import { AF_INET, AF_INET6 } from '../../shared/sys/sockaddr.js';
import { takeSocketError } from '../../shared/sys/socket.js';
import { TCP_STATE, tcpState } from '../../shared/sys/socket-state.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { TrappedSocket } from './trapped-socket.js';

const { EAGAIN } = constants.errno;

/** The kernel never executes the call. Another family has no such queue, and there the flag could read data. */
export function answerQueueRead(call: TrappedCall, { descriptor, domain }: TrappedSocket): void {
  const inet =
    /* protects: G3 an AF_UNIX socket's data is not taken for an error queue => true */ domain === AF_INET ||
    domain === AF_INET6;
  call.end((inet && takeError(descriptor.number)) || -EAGAIN, 'own');
}

/**
 * A connection keeps its error: one that was reset would look as if it had ended well. An attempt to connect that has failed keeps its entries too,
 * since the kernel clears the error with the last of them.
 *
 * @returns minus errno, or 0
 */
function takeError(fd: number): number {
  const state = tcpState(fd);
  // protects: G3 an attempt to connect keeps the error that ended it
  if (state === TCP_STATE.CLOSE) return 0;
  // protects: G3 a connection keeps the error that ended it (with: an attempt to connect keeps the error that ended it) => const error = takeSocketError(fd);
  // protects: G3 who reads the error queue alone takes the error => const error = 0;
  const error = state === undefined ? takeSocketError(fd) : 0;
  // protects: G3 who reads the error queue alone finds it empty the next time
  emptyErrorQueue(fd);
  return error;
}
