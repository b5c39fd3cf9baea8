// Refuses a call that would turn a socket of the host's network to another peer or address. Runs in the broker.
import { constants } from 'node:os';
import { WHOLLY_TRAPPED } from '../../shared/reasons.js';
import type { TrappedAddress } from '../caller/read-sockaddr.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { TrapContext } from './trap-context.js';

const { EACCES } = constants.errno;

/** @param address the call's; listen(2) has none */
export function refuseForeign(
  { refusals, origins }: TrapContext,
  call: TrappedCall,
  address: TrappedAddress | undefined,
): void {
  // The others turn no socket elsewhere.
  const turning = WHOLLY_TRAPPED.find((one) => one === call.call);
  if (turning !== undefined) refusals.note('foreign', turning, address, () => origins.of(call.tid));
  call.end(-EACCES, 'refused');
}
