// Remembers which process a DNS question will come from. Runs in the broker.
import { boundAddress } from '../../shared/sys/listen.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { Transport } from '../dns/encode-dns-answer.js';
import type { TrapContext } from './trap-context.js';

/** The port of a sandbox's DNS, on its own loopback. */
export const DNS_PORT = 53;

/** @param descriptor a duplicate of the caller's socket, which has a port by now */
export function noteAsker(
  { askers, origins }: TrapContext,
  call: TrappedCall,
  descriptor: OwnedFd,
  transport: Transport,
): void {
  const port = boundAddress(descriptor.number)?.port;
  if (port !== undefined) askers.note(transport, port, origins.of(call.tid));
}
