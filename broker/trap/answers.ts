// Answers that several kinds of trapped calls share: refusals, and an answer that lies in the caller's memory. Runs in the broker.

import { constants } from 'node:os';
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { WHOLLY_TRAPPED } from '../../shared/trap-calls.js';
import { type InetAddress, readSockaddr, type TrappedAddress } from '../caller/caller-memory.js';
import { NO_MEMORY } from '../caller/reach-caller.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { RequestLife } from '../limit/request-life.js';
import { account } from '../request/account.js';
import { refuseQueued } from '../request/judgement.js';
import type { TrapContext } from './trap-context.js';
import { interruptedResult } from './waiting-calls.js';

const { EACCES, EAGAIN, ETIMEDOUT } = constants.errno;

// A trapped call of a plugin that has used up its share of the broker's descriptors. The refusal of a connect is an event,
// so it waits while the log has no room.

/** @param memory that the call passed, copied. Missing: the broker did not read it */
export function refuseFull(context: TrapContext, call: TrappedCall, memory: Uint8Array = NO_MEMORY): void {
  // No other call may wait that passes memory.
  const target = memory.length === 0 ? undefined : readSockaddr(memory);
  if (target?.kind !== 'inet') {
    context.plugin.metrics.count('limitRejections', { limit: 'broker_descriptors' });
    call.end(-EAGAIN, 'refused');
  } else if (/* protects: G8 a call past the share of descriptors waits => true */ context.plugin.gate.isOpen)
    refuse(context, call, target);
  else void refuseLater(context, call, target);
}

function refuse({ services, plugin, origins }: TrapContext, call: TrappedCall, target: InetAddress): void {
  const destination = { host: target.address.text, port: target.port };
  const refusal = { reason: 'concurrency_limited', limit: 'broker_descriptors' } as const;
  const judgement = refuseQueued(plugin, destination, refusal);
  account(services, plugin, judgement, undefined, origins.of(call.tid));
  call.end(-EAGAIN, 'refused');
}

async function refuseLater(context: TrapContext, call: TrappedCall, target: InetAddress): Promise<void> {
  const { plugin, waiting } = context;
  const life = new RequestLife(CONNECT_TIMEOUT_MS);
  waiting.add(call, (why) => {
    call.end(interruptedResult(why, false), 'error');
    life.end('canceled');
  });
  await plugin.gate.pass(life);
  waiting.remove(call);
  life.settle();
  if (life.ended === undefined) refuse(context, call, target);
  else call.end(-ETIMEDOUT, 'error');
}

// Refuses a call that would turn a socket of the host's network to another peer or address.

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

// Has the supervisor write an answer into the memory of a caller: the broker's sandbox forbids it.

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
