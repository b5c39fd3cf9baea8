// A trapped call of a plugin that has used up its share of the broker's descriptors. Runs in the broker.
import { constants } from 'node:os';
import { readSockaddr } from '../caller/read-sockaddr.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { account } from '../request/account.js';
import { refuseQueued } from '../request/refuse-queued.js';
import type { TrapContext } from './trap-context.js';

/** @param address as the call passed it, copied; undefined if the broker did not read it */
export function refuseFull(
  { services, plugin, origins }: TrapContext,
  call: TrappedCall,
  address: Uint8Array | undefined,
): void {
  const target = address === undefined ? undefined : readSockaddr(address);
  if (target?.kind === 'inet') {
    const destination = { host: target.address.text, port: target.port };
    const refusal = { reason: 'concurrency_limited', limit: 'descriptors' } as const;
    const judgement = refuseQueued(plugin, destination, refusal);
    account(services, plugin, judgement, undefined, origins.of(call.tid));
  } else plugin.metrics.count('limitRejections', { limit: 'descriptors' });
  call.end(-constants.errno.EAGAIN, 'refused');
}
