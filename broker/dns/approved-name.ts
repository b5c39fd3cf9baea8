// Names that were approved, for the DNS of a sandbox. A question has no port. Runs in the broker.
import { type HostContext, judgeRequest, type RequestVerdict } from '../../shared/policy/decide.js';
import type { Decision } from '../../shared/policy/decision.js';
import type { ClosedName, NameVerdict } from '../../shared/policy/judge-name.js';
import { mayBeAsked } from '../../shared/policy/may-be-asked.js';
import type { Policy } from '../../shared/policy/policy.js';
import { orApproved } from '../ask/approved.js';
import type { PluginAsks } from '../ask/plugin-asks.js';

/** The port that a rule without one is about. A look-up is asked about with it. */
const HTTPS = 443;

/** The verdict on a name for one port, with what was approved. */
export function judgeOnPort(
  asks: PluginAsks,
  policy: Policy,
  name: string,
  port: number,
  context: HostContext,
): RequestVerdict {
  return orApproved(asks, policy, judgeRequest(policy, { host: name, port }, context), context);
}

/** A name that no rule opens is open on the ports that were approved. */
export function orApprovedName(
  asks: PluginAsks,
  policy: Policy,
  verdict: NameVerdict,
  context: HostContext,
): NameVerdict {
  if (!asks.on || verdict.decision !== 'deny') return verdict;
  const { name } = verdict;
  const ports = [...new Set([HTTPS, ...asks.approvals.portsOf(name)])]
    .sort((one, other) => one - other)
    .filter((port) => judgeOnPort(asks, policy, name, port, context).kind === 'resolve')
    .map((port) => ({ low: port, high: port }));
  return ports.length === 0 ? verdict : { name, decision: 'allow', reason: 'approved', ports };
}

/** The refusal that somebody may be asked about. */
export function unknownName(
  policy: Policy,
  { name, reason }: ClosedName,
  context: HostContext,
): Decision | undefined {
  const verdict = judgeRequest(policy, { host: name, port: HTTPS }, context);
  if (reason !== 'no_rule' || verdict.kind === 'resolve') return undefined;
  return mayBeAsked(policy, verdict.decision, context) ? verdict.decision : undefined;
}
