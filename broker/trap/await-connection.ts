// A blocking connect(2) on a socket that connects already: waits for it as the kernel would. Runs in the broker.
import { constants } from 'node:os';
import type { TrapAnswer } from '../../shared/reasons.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { takeSocketError, writableNow } from '../../shared/sys/socket.js';
import { sendTimeout } from '../../shared/sys/socket-state.js';
import type { TrapContext } from './trap-context.js';
import type { TrappedCall } from './trapped-call.js';

const { EINPROGRESS } = constants.errno;
/** The kernel's own: the caller handles its signal, then the call is made anew where SA_RESTART says so, else it is EINTR. */
export const ERESTARTSYS = 512;

/**
 * Ends the call when the connection is there or has failed, when SO_SNDTIMEO is over (EINPROGRESS, as tcp(7) sockets do), or when
 * the caller has a signal to handle.
 *
 * @param descriptor a duplicate of the plugin's socket; closed here in the end where true is returned
 * @returns whether the call waits
 */
export function awaitConnection(
  { waiting, writable }: TrapContext,
  call: TrappedCall,
  descriptor: OwnedFd,
  answer: TrapAnswer,
): boolean {
  if (writableNow(descriptor.number)) {
    call.end(takeSocketError(descriptor.number), answer);
    return false;
  }
  const limit = sendTimeout(descriptor.number);
  const timer = limit > 0 ? setTimeout(() => finish(-EINPROGRESS), limit) : undefined;
  const finish = (result: number): void => {
    clearTimeout(timer);
    waiting.remove(call);
    writable.forget(descriptor);
    call.end(result, answer);
    descriptor.close();
  };
  writable.add(descriptor, () => finish(takeSocketError(descriptor.number)));
  waiting.add(call, (why) => finish(why === 'signal' ? -ERESTARTSYS : -EINPROGRESS));
  return true;
}
