// A trapped connect(2) that waits while somebody is asked about its destination. Runs in the broker. Nothing was done for the call yet: if the
// broker dies, the next one serves it from its begin.
import { constants } from 'node:os';
import { ASK_NON_BLOCKING_MS } from '../../shared/limits.js';
import { mayBeAsked } from '../../shared/policy/may-be-asked.js';
import { isNonBlocking } from '../../shared/sys/fcntl.js';
import { sendTimeout } from '../../shared/sys/socket-state.js';
import { askAbout } from '../ask/ask-about.js';
import type { AskOutcome, AskTicket } from '../ask/open-ask.js';
import type { Judgement } from '../request/judgement.js';
import type { BrokeredConnect } from './brokered-connect.js';
import { interruptedResult } from './waiting-calls.js';

const { ECONNABORTED, ETIMEDOUT } = constants.errno;

/**
 * @returns a place in which to wait for an answer, or the answer that there is; undefined if nobody is asked. Under a name too, nobody is asked
 *   about an address that an approval cannot open
 */
export function askAboutConnect(
  { context, address: { address, port }, origin }: BrokeredConnect,
  { decision, policy }: Judgement,
): AskTicket | Pick<Judgement, 'answered'> | undefined {
  const { services, plugin } = context;
  if (!plugin.asks.on || policy === undefined || decision.decision !== 'deny') return undefined;
  const host = services.host.context();
  if (!mayBeAsked(policy, plugin.verdicts.decide(policy, address, port, host), host)) return undefined;
  const { pid, program } = origin;
  const about = { decision, policy, address: address.text, door: 'trap', pid, program } as const;
  const asked = askAbout(plugin.asks, about, () => host);
  return asked === undefined || (asked !== 'too_many' && 'outcome' in asked) ? asked : { answered: asked };
}

/** Waits for an answer, or until the caller is gone, has a signal to handle, or has no more time. @returns `ended` if the call has ended */
export async function awaitAnswer(
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
      leave(why === 'gone' ? -ECONNABORTED : interruptedResult(why, limited), 'gone');
    });
    void ticket.outcome.then(() => clearTimeout(late));
  });
  const outcome = await Promise.race([ticket.outcome, left]);
  waiting.remove(call);
  call.noteAsking(false);
  return outcome;
}
