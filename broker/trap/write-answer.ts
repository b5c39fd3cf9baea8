// Has the supervisor write an answer into the memory of a caller: the broker's cage forbids it. Runs in the broker.
import { constants } from 'node:os';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { TrapContext } from './trap-context.js';

const { EAGAIN } = constants.errno;
/** The supervisor has many orders, or the caller's thread has no processor: no event tells when that has changed. */
const RETRY_MS = 10;

/** @param done takes 0, or minus errno: EFAULT, or EPERM if the supervisor does not write it */
export function writeAnswer(
  context: TrapContext,
  call: TrappedCall,
  answer: Uint8Array,
  done: (result: number) => void,
): void {
  context.answerCaller(call.tid, answer, (result) => {
    if (result === -EAGAIN && call.stillWaits())
      setTimeout(() => writeAnswer(context, call, answer, done), RETRY_MS).unref();
    else done(result);
  });
}
