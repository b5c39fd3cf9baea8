// A decision, with all that account and reply need. Runs in the broker.
import type { Address } from '../../shared/policy/address.js';
import type { Decision } from '../../shared/policy/decision.js';
import { makeDecision } from '../../shared/policy/make-decision.js';
import type { Policy } from '../../shared/policy/policy.js';
import type { Reason } from '../../shared/reasons.js';
import type { Answered } from '../ask/approvals.js';
import type { Resolution } from '../names/resolve.js';

/** Where a request wants to connect. */
export interface Destination {
  readonly host: string;
  readonly port: number;
}

export interface Judgement {
  readonly decision: Decision;
  /** The rules that it was made by. */
  readonly policy: Policy | undefined;
  /** The names under which the sandbox's DNS gave it the address. */
  readonly names?: readonly string[];
  /** What the name resolved to. */
  readonly considered: readonly Address[];
  readonly dnsMs: number | null;
  /** If somebody was asked about it: the answer. `too_many`: the plugin asks too much, and nobody was. */
  readonly answered?: Answered | 'too_many' | undefined;
  /** How DNS failed, if it did. */
  readonly dnsFailure?: Exclude<Resolution['result'], 'ok'>;
}

/** A denial that does not come from a rule. */
export function denial(
  reason: Extract<Reason, 'policy_unavailable' | 'rate_limited' | 'concurrency_limited'>,
  { host, port }: Destination,
  policy: Policy | undefined,
  considered: readonly Address[] = [],
): Judgement {
  return {
    decision: makeDecision({ decision: 'deny', reason, host, port }),
    policy,
    considered,
    dnsMs: null,
  };
}
