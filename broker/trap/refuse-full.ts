// A trapped call of a plugin that has used up its share of the broker's descriptors. Runs in the broker. The refusal of a connect is an event,
// so it waits while the log has no room.
import { constants } from 'node:os';
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { readSockaddr, type TrappedAddress } from '../caller/read-sockaddr.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { RequestLife } from '../limit/request-life.js';
import { account } from '../request/account.js';
import { refuseQueued } from '../request/refuse-queued.js';
import type { TrapContext } from './trap-context.js';
import { interruptedResult } from './waiting-calls.js';

const { EAGAIN, ECONNABORTED, ETIMEDOUT } = constants.errno;

type InetAddress = Extract<TrappedAddress, { kind: 'inet' }>;

/** @param address as the call passed it, copied; undefined if the broker did not read it */
export function refuseFull(context: TrapContext, call: TrappedCall, address: Uint8Array | undefined): void {
  const target = address === undefined ? undefined : readSockaddr(address);
  if (target?.kind !== 'inet') {
    context.plugin.metrics.count('limitRejections', { limit: 'descriptors' });
    call.end(-EAGAIN, 'refused');
  } else if (/* protects: G8 a call past the share of descriptors waits => true */ context.plugin.gate.isOpen)
    refuse(context, call, target);
  else void refuseLater(context, call, target);
}

function refuse({ services, plugin, origins }: TrapContext, call: TrappedCall, target: InetAddress): void {
  const destination = { host: target.address.text, port: target.port };
  const refusal = { reason: 'concurrency_limited', limit: 'descriptors' } as const;
  const judgement = refuseQueued(plugin, destination, refusal);
  account(services, plugin, judgement, undefined, origins.of(call.tid));
  call.end(-EAGAIN, 'refused');
}

async function refuseLater(context: TrapContext, call: TrappedCall, target: InetAddress): Promise<void> {
  const { plugin, waiting } = context;
  const life = new RequestLife(CONNECT_TIMEOUT_MS);
  waiting.add(call, (why) => {
    call.end(why === 'gone' ? -ECONNABORTED : interruptedResult(why, false), 'error');
    life.end('canceled');
  });
  await plugin.gate.pass(life);
  waiting.remove(call);
  life.settle();
  if (life.ended === undefined) refuse(context, call, target);
  else call.end(-ETIMEDOUT, 'error');
}
