// Whether the DNS of a sandbox may answer for a name. The question has no port. Pure.
import type { RequestVerdict } from './decision.js';
import type { HostContext } from './host-block.js';
import { judgeRequest } from './judge-request.js';
import { openPorts } from './open-ports.js';
import type { PortRange } from './parse-ports.js';
import type { Policy } from './policy.js';

/** A name that may be resolved, with the ports that are open. */
export interface OpenName {
  readonly name: string;
  readonly decision: 'allow' | 'would_deny';
  readonly reason: 'rule' | 'approved' | 'no_rule' | 'port_not_allowed';
  /** An allow rule that covers it. */
  readonly rule?: string;
  /** Sorted within each list of rules, at least one. */
  readonly ports: readonly PortRange[];
}

/** A name that no server is asked for. */
export interface ClosedName {
  readonly name: string;
  readonly decision: 'deny';
  readonly reason: 'denied_by_rule' | 'no_rule';
  readonly rule?: string;
}

export type NameVerdict = OpenName | ClosedName;

const HTTPS = 443;

/**
 * Judges a name before it is resolved. It is open if a request for it on some port would be resolved.
 *
 * @param policy the rules and the mode. In mode `audit` a name without a rule is open too, with its reason
 * @param name canonical
 * @param context this host's addresses and listeners
 */
export function judgeName(policy: Policy, name: string, context: HostContext): NameVerdict {
  const { allowed, undenied, covered } = openPorts(policy, name);
  const judge = (port: number): RequestVerdict => judgeRequest(policy, { host: name, port }, context);
  const ports = policy.mode === 'audit' ? [...allowed, ...undenied] : allowed;
  const first = ports[0];
  if (first !== undefined) {
    const verdict = judge(first.low);
    if (verdict.kind === 'resolve') {
      const { decision, reason, rule } = verdict;
      if (reason === 'rule' || reason === 'no_rule' || reason === 'port_not_allowed')
        return { name, decision, reason, ...(rule !== undefined && { rule }), ports };
    }
  }
  const verdict = judge(HTTPS);
  const rule = verdict.kind === 'settled' ? verdict.decision.rule : undefined;
  const denied = covered || undenied.length === 0;
  const reason = denied ? 'denied_by_rule' : 'no_rule';
  return { name, decision: 'deny', reason, ...(denied && rule !== undefined && { rule }) };
}
