// Asks about a refused destination, if somebody may be asked. Runs in the broker.
import type { Address } from '../../shared/policy/address.js';
import { concludeVerdict, judgeRequest } from '../../shared/policy/decide.js';
import type { Decision, Request, RequestVerdict } from '../../shared/policy/decision.js';
import type { HostContext } from '../../shared/policy/host-block.js';
import { approvedVerdict, mayBeAsked } from '../../shared/policy/may-be-asked.js';
import type { Policy } from '../../shared/policy/policy.js';
import type { AskDoor } from '../../shared/protocol/link.js';
import type { Answered, AskTicket, PluginAsks } from './plugin-asks.js';

/** A refused destination, and who wants it. */
interface Refused {
  readonly decision: Decision;
  readonly policy: Policy | undefined;
  /** Of a connect(2) whose host is a name. */
  readonly address?: string | undefined;
  readonly door: AskDoor;
  readonly pid: number | null;
  readonly program: string | null;
}

/** What a judgement says about it. `too_many`: the plugin asks too much. */
interface Settled {
  readonly answered?: Answered | 'too_many' | undefined;
}

/** @returns a place in which to wait for an answer, or the answer that there is; undefined if nobody is asked about it */
export function askAbout(
  asks: PluginAsks,
  { decision, policy, address, door, pid, program }: Refused,
  context: () => HostContext,
): AskTicket | Settled | undefined {
  if (!asks.on || policy === undefined || decision.decision !== 'deny') return undefined;
  if (!mayBeAsked(policy, decision, context())) return undefined;
  const { host, port } = decision;
  const asked = asks.ask({ host, port, address, door, pid, program });
  return asked !== 'too_many' && 'outcome' in asked ? asked : { answered: asked };
}

// Verdicts with what was approved. The rules come first: an approval counts where they leave a destination unknown.

/** @param verdict of the rules */
export function orApproved(
  asks: PluginAsks,
  policy: Policy,
  verdict: RequestVerdict,
  context: HostContext,
): RequestVerdict {
  if (!asks.on || verdict.kind === 'resolve') return verdict;
  const { decision } = verdict;
  if (!mayBeAsked(policy, decision, context) || asks.approvals.find(decision) === undefined) return verdict;
  return approvedVerdict(decision);
}

/** Who approved it, if somebody did. */
export function approvalOf(
  { approvals }: PluginAsks,
  decision: Pick<Decision, 'host' | 'port' | 'reason'>,
): Settled {
  return decision.reason === 'approved' ? { answered: approvals.find(decision) } : {};
}

/** A whole decision, as decide() makes it, with what was approved. */
export function decideOrApproved(
  asks: PluginAsks,
  policy: Policy,
  request: Request,
  resolved: readonly Address[],
  context: HostContext,
): Decision {
  const verdict = orApproved(asks, policy, judgeRequest(policy, request, context), context);
  return concludeVerdict(policy, verdict, resolved, context);
}
