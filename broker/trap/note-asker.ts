// Remembers whose socket a question of DNS will come from. Runs in the broker.
import { boundAddress } from '../../shared/sys/listen.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { Transport } from '../dns/encode-dns-answer.js';
import type { TrapContext } from './trap-context.js';

/** Where a sandbox's DNS is, on its own loopback. */
export const DNS_PORT = 53;

/** @param descriptor a duplicate of the caller's socket, which has its port by now */
export function noteAsker(
  { askers, origins }: TrapContext,
  call: TrappedCall,
  descriptor: OwnedFd,
  transport: Transport,
): void {
  const port = boundAddress(descriptor.number)?.port;
  if (port !== undefined) askers.note(transport, port, origins.of(call.tid));
}
