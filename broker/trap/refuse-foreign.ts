// A call that would turn a socket of the host's network, which the plugin was handed or inherited. Runs in the broker.
import { constants } from 'node:os';
import type { TrappedAddress } from '../caller/read-sockaddr.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { TrapContext } from './trap-context.js';

const { EACCES } = constants.errno;

/** @param address of the call; listen(2) has none */
export function refuseForeign(
  { refusals, origins }: TrapContext,
  call: TrappedCall,
  address: TrappedAddress | undefined,
): void {
  refusals.note('foreign', call.call, address, () => origins.of(call.tid));
  call.end(-EACCES, 'refused');
}
