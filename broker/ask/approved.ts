// Verdicts with what was approved. Runs in the broker. The rules come first: an approval counts where they leave a destination unknown.

import type { Address } from '../../shared/policy/address.js';
import {
  concludeVerdict,
  type HostContext,
  judgeRequest,
  type Request,
  type RequestVerdict,
} from '../../shared/policy/decide.js';
import type { Decision } from '../../shared/policy/decision.js';
import { approvedVerdict, mayBeAsked } from '../../shared/policy/may-be-asked.js';
import type { Policy } from '../../shared/policy/policy.js';
import type { PluginAsks } from './plugin-asks.js';

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
