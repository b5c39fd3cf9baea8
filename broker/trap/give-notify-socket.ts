// A trapped socket(2) of an AF_UNIX datagram socket, where the plugin says itself when it is ready (`ready: {notify: true}`). The kernel does not
// execute it: sendmsg(2) could send from such a socket to any path. The caller gets one end of a pair of packet sockets, on which the kernel ignores an
// address. At the other end a process of the sandbox reads. Runs in the broker.
import { constants } from 'node:os';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_TYPE_MASK } from '../../shared/sys/socket-constants.js';
import { installSocket } from '../caller/install-socket.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { TrapContext } from './trap-context.js';

const { EAGAIN, EINVAL, EPERM, EPROTONOSUPPORT } = constants.errno;
const PF_UNIX = 1;

/** Ends the call. Never rejects. */
export async function giveNotifySocket(context: TrapContext, call: TrappedCall): Promise<void> {
  const [, type, protocol] = call.notification.ints;
  const flags = type & ~SOCK_TYPE_MASK;
  if (context.notify === undefined) call.end(-EPERM, 'refused');
  else if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) call.end(-EINVAL, 'error');
  else if (protocol !== 0 && protocol !== PF_UNIX) call.end(-EPROTONOSUPPORT, 'error');
  else {
    // SOCK_NONBLOCK is left out: the mode would be that of every such socket of the sandbox, since all are one open file description.
    const result = await give(context, call, context.notify, (flags & SOCK_CLOEXEC) !== 0);
    if (result < 0) call.end(result, 'error');
    else call.gotDescriptor();
  }
}

/** @returns the number that the call has returned, or minus errno if it has not ended */
async function give(
  { services: { guard, slowLane }, plugin: { stall } }: TrapContext,
  call: TrappedCall,
  socket: OwnedFd,
  closesOnExec: boolean,
): Promise<number> {
  const installation = call.installation(socket, closesOnExec, true);
  // test point: the main thread gives the notify socket
  if (!stall.slow) return guard.watch(stall, () => installSocket(installation));
  // Without a descriptor for the alarm nothing could end a step that waits.
  return slowLane.install(stall, installation).catch(() => -EAGAIN);
}
