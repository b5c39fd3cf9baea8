// A trapped connect(2) to the outside, in order: queue, decide, connect and place, account. Runs in the broker. The address was copied
// once and is checked once. The broker dials the decision's address.

import { constants } from 'node:os';
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { andFinally, andThen, type NowOrLater } from '../../shared/now-or-later.js';
import { mayBeAsked } from '../../shared/policy/may-be-asked.js';
import { refusalErrno } from '../../shared/policy/plugin-refusal.js';
import { isNonBlocking } from '../../shared/sys/fcntl.js';
import { AF_INET } from '../../shared/sys/sockaddr.js';
import { sendTimeout } from '../../shared/sys/socket-state.js';
import { askAbout } from '../approval/ask-about.js';
import type { AskOutcome, AskTicket } from '../approval/plugin-asks.js';
import type { InetAddress } from '../caller/caller-memory.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { Claim } from '../ledger/register.js';
import { RequestLife } from '../limit/request-life.js';
import { account, accountLate, type Ending } from '../request/account.js';
import { proxyTargets } from '../request/connect-upstream.js';
import { type Admission, admitConnection, type Judgement, refuseQueued } from '../request/judgement.js';
import type { Plugin, Services } from '../request/plugin.js';
import {
  awaitAndPlace,
  connectAndPlace,
  type DialledConnect,
  type Replaced,
  SettlingConnect,
} from './connect-and-place.js';
import { decideGranted } from './decide-granted.js';
import type { TrapContext, TrappedSocket } from './trap-context.js';
import { tunnelAndPlace } from './tunnel-and-place.js';
import { interruptedResult } from './waiting-calls.js';

/** How long connect(2) on a non-blocking socket waits for an answer. Its thread may be an event loop. */
const ASK_NON_BLOCKING_MS = 5_000;

const { EACCES, EAGAIN, ECONNABORTED, ETIMEDOUT } = constants.errno;

/** @returns true: the descriptor is closed here once the call has ended */
export function brokerConnection(
  context: TrapContext,
  call: TrappedCall,
  { descriptor, domain }: TrappedSocket,
  address: InetAddress,
): boolean {
  enqueue({
    context,
    call,
    original: descriptor,
    family: domain === AF_INET ? 4 : 6,
    life: new RequestLife(CONNECT_TIMEOUT_MS),
    address,
    origin: context.origins.of(call.tid),
  });
  return true;
}

function enqueue(connect: BrokeredConnect): void {
  const { address, call, context, life, origin } = connect;
  const { plugin, services } = context;
  let begun = false;
  let late: NodeJS.Timeout | undefined;
  const refusal = plugin.queue.add(life, () => {
    begun = true;
    clearTimeout(late);
    return serve(connect);
  });
  if (refusal === undefined) {
    if (!begun) late = awaitTurn(connect);
    return;
  }
  const judgement = refuseQueued(plugin, { host: address.address.text, port: address.port }, refusal);
  account(services, plugin, judgement, undefined, origin);
  call.end(-EAGAIN, 'refused');
  closeOriginal(connect);
}

/**
 * A caller that is gone, or that has a signal to handle, gives up its turn. So does one whose own time-out (SO_SNDTIMEO) is over.
 *
 * @returns the timer of that time-out
 */
function awaitTurn({ context, call, original, life }: BrokeredConnect): NodeJS.Timeout | undefined {
  const limit = isNonBlocking(original.number) ? 0 : sendTimeout(original.number);
  context.waiting.add(call, (why) => {
    call.end(interruptedResult(why, limit > 0), 'error');
    life.end('canceled');
  });
  // protects: G8 a call that waits has its own time limit => return undefined;
  return limit > 0 ? setTimeout(() => life.end('timeout'), limit) : undefined;
}

/** The connect's turn in the queue. Never rejects. */
function serve(connect: BrokeredConnect): NowOrLater<void> {
  const { context, call, address, life } = connect;
  const { services, plugin, grants, waiting } = context;
  let claim: Claim | undefined;
  let asks = false;
  waiting.remove(call);
  return andFinally(
    () => {
      // The turn did not come in time, or nobody waits for it any more.
      if (life.ended !== undefined) {
        const destination = { host: address.address.text, port: address.port };
        accountLate(services, plugin, destination, life, connect.origin);
        call.end(-ETIMEDOUT, 'error');
        return undefined;
      }
      const deciding = decideGranted(services, plugin, grants, address, life);
      return andThen(deciding instanceof Promise ? orLeft(connect, deciding) : deciding, (decided) => {
        if (decided === undefined) return undefined;
        const asked = askAboutConnect(connect, decided);
        if (asked !== undefined && 'outcome' in asked) {
          asks = true;
          void ask(connect, decided, asked);
          return undefined;
        }
        const admission = admitConnection(plugin, asked === undefined ? decided : { ...decided, ...asked });
        claim = admission.claim;
        return carryOut(connect, admission);
      });
    },
    () => {
      life.settle();
      claim?.release();
      if (!asks) closeOriginal(connect);
    },
  );
}

/**
 * While DNS is asked again whether a name still has the address, the caller may be gone, or have a signal to handle.
 *
 * @returns undefined: the call has ended meanwhile, and nothing is dialled for it
 */
async function orLeft(
  { context: { waiting }, call, original, life }: BrokeredConnect,
  deciding: Promise<Judgement>,
): Promise<Judgement | undefined> {
  // protects: G11 a caller with a signal does not wait for DNS
  waiting.add(call, (why) => {
    call.end(interruptedResult(why, sendTimeout(original.number) > 0), 'error');
    life.end('canceled');
  });
  const decided = await deciding;
  waiting.remove(call);
  return call.isOver ? undefined : decided;
}

/** While somebody is asked, the call holds no place of the queue. */
async function ask(connect: BrokeredConnect, decided: Judgement, ticket: AskTicket): Promise<void> {
  const { context, call, origin } = connect;
  const end = await awaitAnswer(connect, ticket);
  if (end.kind === 'decide') {
    enqueue({ ...connect, life: new RequestLife(CONNECT_TIMEOUT_MS) });
    return;
  }
  if (end.kind === 'refused') {
    account(context.services, context.plugin, { ...decided, answered: end.answered }, undefined, origin);
    call.end(-EACCES, 'refused');
  } else call.end(-ECONNABORTED, 'error');
  closeOriginal(connect);
}

/** Does what was decided, and accounts for it. */
function carryOut(connect: BrokeredConnect, { judgement, claim }: Admission): NowOrLater<void> {
  const { context, call, origin } = connect;
  const { services, plugin } = context;
  const { decision, dial, reason } = judgement.decision;
  const [target] = dial;
  const byProxy = decision !== 'deny' && goesByProxy(services, plugin, judgement);
  if (decision === 'deny' || (target === undefined && !byProxy)) {
    account(services, plugin, judgement, undefined, origin);
    call.end(-constants.errno[refusalErrno(reason)], 'refused');
    return undefined;
  }
  const placing =
    byProxy || target === undefined
      ? tunnelAndPlace(connect, judgement, claim)
      : connectAndPlace(connect, judgement, target, claim);
  if (target !== undefined) context.remembered.note(connect.address.address, connect.family, judgement);
  return accountFor(connect, judgement, placing);
}

/** Accounts for a connect when it has ended. */
function accountFor(
  { context: { services, plugin }, origin }: Replaced,
  judgement: Judgement,
  placing: NowOrLater<Ending | SettlingConnect>,
): NowOrLater<void> {
  return andThen(placing, (ending) => {
    if (!(ending instanceof SettlingConnect)) account(services, plugin, judgement, ending, origin);
    // The turn is over. How the connection ends matters to the account alone.
    else void ending.end().then((end) => account(services, plugin, judgement, end, origin));
  });
}

/** An ordinary connect (ordinary-connect.ts) whose connection was not there at once. It holds a place of the queue from now on. */
export function goOn(connect: DialledConnect): void {
  const { life, claim, context, judgement } = connect;
  context.plugin.queue.add(life, () =>
    andFinally(
      () => accountFor(connect, judgement, awaitAndPlace(connect)),
      () => {
        life.settle();
        claim.release();
        closeOriginal(connect);
      },
    ),
  );
}

function goesByProxy(services: Services, { upstream }: Plugin, judgement: Judgement): boolean {
  return proxyTargets(upstream, judgement, () => services.host.context()).length > 0;
}

function closeOriginal({ context: { services, plugin }, original }: Replaced): void {
  services.guard.watch(plugin.stall, () => original.close());
}

// One trapped connect(2) to the outside, while it is worked on.

interface BrokeredConnect extends Replaced {
  readonly address: InetAddress;
}

// A trapped connect(2) that waits while somebody is asked about its destination. Nothing was done for the call yet: if the
// broker dies, the next one serves it from its begin.

/** Under a name too, nobody is asked about an address that an approval cannot open. @returns as askAbout() */
function askAboutConnect(
  { context, address: { address, port }, origin }: BrokeredConnect,
  { decision, policy }: Judgement,
): ReturnType<typeof askAbout> {
  const { services, plugin } = context;
  if (!plugin.asks.on || policy === undefined || decision.decision !== 'deny') return undefined;
  const host = services.host.context();
  if (!mayBeAsked(policy, plugin.verdicts.decide(policy, address, port, host), host)) return undefined;
  const { pid, program } = origin;
  const about = { decision, policy, address: address.text, door: 'trap', pid, program } as const;
  return askAbout(plugin.asks, about, () => host);
}

/** Waits for an answer, or until the caller is gone, has a signal to handle, or has no more time. @returns `ended` if the call has ended */
async function awaitAnswer(
  { context: { waiting }, call, original }: BrokeredConnect,
  ticket: AskTicket,
): Promise<AskOutcome> {
  const nonBlocking = isNonBlocking(original.number);
  const limit = nonBlocking ? ASK_NON_BLOCKING_MS : sendTimeout(original.number);
  const limited = !nonBlocking && limit > 0;
  call.noteAsking(true);
  const left = new Promise<AskOutcome>((resolve) => {
    const leave = (result: number, why: 'gone' | 'gave_up'): void => {
      ticket.leave(why);
      call.end(result, 'error');
      resolve({ kind: 'ended' });
    };
    const late = limit > 0 ? setTimeout(() => leave(-ETIMEDOUT, 'gave_up'), limit) : undefined;
    waiting.add(call, (why) => {
      clearTimeout(late);
      leave(interruptedResult(why, limited), 'gone');
    });
    void ticket.outcome.then(() => clearTimeout(late));
  });
  const outcome = await Promise.race([ticket.outcome, left]);
  waiting.remove(call);
  call.noteAsking(false);
  return outcome;
}
