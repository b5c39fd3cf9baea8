// A blocking connect(2) on a socket that is connecting already. The call waits as it would in the kernel. Runs in the broker.
import type { TrapAnswer } from '../../shared/reasons.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { writableNow } from '../../shared/sys/socket.js';
import { concludeConnect, sendTimeout } from '../../shared/sys/socket-state.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { dissolve } from './dissolved-connections.js';
import type { TrapContext } from './trap-context.js';
import { interruptedResult } from './waiting-calls.js';

/**
 * Ends the call when the socket is connected or has failed, when SO_SNDTIMEO is over, or when the caller has a signal to handle.
 *
 * @param descriptor a duplicate of the plugin's socket; closed here at the end if true is returned
 * @param underWay what the call returns when SO_SNDTIMEO is over: -EINPROGRESS if it began the attempt, else -EALREADY
 * @returns whether the call waits
 */
export function awaitConnection(
  { services, plugin: { stall }, waiting, writable }: TrapContext,
  call: TrappedCall,
  descriptor: OwnedFd,
  answer: TrapAnswer,
  underWay: number,
): boolean {
  const conclude = (): number =>
    dissolve(services, descriptor.number, () => concludeConnect(descriptor.number));
  if (writableNow(descriptor.number)) {
    call.end(conclude(), answer);
    return false;
  }
  const limit = sendTimeout(descriptor.number);
  const timer = limit > 0 ? setTimeout(() => finish(() => underWay), limit) : undefined;
  const finish = (result: () => number): void =>
    services.guard.watch(stall, () => {
      clearTimeout(timer);
      waiting.remove(call);
      writable.forget(descriptor);
      call.end(result(), answer);
      descriptor.close();
    });
  writable.add(descriptor, () => finish(conclude));
  waiting.add(call, (why) => finish(() => (why === 'gone' ? underWay : interruptedResult(why, limit > 0))));
  return true;
}
