// A decision with all that account and reply need, and what bounds a connection that is permitted: descriptors, quotas, the limit of open
// connections, an approval for once. Runs in the broker.
import type { Address } from '../../shared/policy/address.js';
import { type Decision, makeDecision } from '../../shared/policy/decision.js';
import type { Policy } from '../../shared/policy/policy.js';
import type { Reason } from '../../shared/words.js';
import type { Answered } from '../approval/plugin-asks.js';
import { hasQuota, type SpentQuota, spentQuota } from '../ledger/byte-sums.js';
import type { Claim } from '../ledger/register.js';
import { NO_DESCRIPTOR } from '../limit/descriptor-shares.js';
import type { QueueRefusal } from '../limit/request-queue.js';
import type { Resolution } from '../names/resolve.js';
import type { Plugin } from './plugin.js';

// A decision, with all that account and reply need.

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

// The bounds on a plugin's connections that a new one must keep, for both doors: how many are open, and what they may carry.

/** So long the broker may look for the holder of a connection that is over, to count its bytes, before the plugin with a quota gets no other one. */
const UNCOUNTED_MS = 1_000;

export interface Admission {
  /** The judgement as it was, or a refusal. */
  readonly judgement: Judgement;
  /** The slot of the connection. Missing where connections are not noted, or nothing is dialled. */
  readonly claim: Claim | undefined;
}

/** Claims a slot for a permitted connect, and counts a refusal. */
export function admitConnection(plugin: Plugin, judgement: Judgement): Admission {
  const { connections, metrics, descriptors } = plugin;
  if (judgement.decision.decision === 'deny') return { judgement, claim: undefined };
  if (!descriptors.hasRoom(1)) return { judgement: refuseDescriptor(plugin, judgement), claim: undefined };
  if (connections === undefined) return spendApproval(plugin, { judgement, claim: undefined });
  const spent = spentOf(plugin);
  // protects: G22 quota: a plugin that has used it up gets no connection
  if (spent !== undefined) {
    metrics.count('limitRejections', { limit: spent.word });
    return {
      judgement: { ...judgement, decision: refuseSpent(spent, judgement.decision) },
      claim: undefined,
    };
  }
  let claim = connections.claim();
  if (
    !claim.granted &&
    /* protects: G8 a connect that its program gave up holds no slot => false */ plugin.leaveGivenUp()
  )
    claim = connections.claim();
  if (claim.granted) return spendApproval(plugin, { judgement, claim });
  metrics.count('limitRejections', { limit: 'connections' });
  const cause = `${connections.limit} connections are open, as many as limits.connections permits`;
  return { judgement: limited(judgement, cause), claim: undefined };
}

/** What was approved for once may have been used since this request found it. */
function spendApproval({ asks }: Plugin, admission: Admission): Admission {
  const { judgement, claim } = admission;
  const { reason, host, port, dropped } = judgement.decision;
  if (
    reason !== 'approved' ||
    /* protects: G20 an approval for once permits one connection, however many wait for it => asks.approvals.spend(judgement.decision) || true */ asks.approvals.spend(
      judgement.decision,
    )
  )
    return admission;
  claim?.release();
  const cause = 'it was approved for once, and another connection has used that';
  const decision = makeDecision({ decision: 'deny', reason: 'no_rule', host, port, dropped, cause });
  return { judgement: { ...judgement, decision, answered: undefined }, claim: undefined };
}

/** @returns undefined while the plugin may carry more */
export function spentOf({ connections, limits }: Plugin): SpentQuota | undefined {
  if (connections === undefined || !hasQuota(limits)) return undefined;
  const total = connections.total();
  // protects: G22 quota: a connection whose bytes nobody knows lets no other one be made => const isUncounted = false;
  const isUncounted = connections.hasOver(UNCOUNTED_MS);
  return spentQuota(limits, total, isUncounted);
}

/** The refusal of what a quota permits no more. */
export function refuseSpent(
  { key, mib, isUncounted }: SpentQuota,
  { host, port, dropped }: Decision,
): Decision {
  const cause = isUncounted
    ? `limits.${key} cannot be judged: a connection is over that the plugin holds and postern does not find. Let the plugin close it`
    : `limits.${key} is used up: ${mib} MiB`;
  return makeDecision({ decision: 'deny', reason: 'quota_exceeded', host, port, dropped, cause });
}

/** A plugin that has used up its share of the broker's descriptors gets no connection. Counts the refusal. */
export function refuseDescriptor({ metrics }: Plugin, judgement: Judgement): Judgement {
  metrics.count('limitRejections', { limit: 'broker_descriptors' });
  return limited(judgement, NO_DESCRIPTOR);
}

/** A plugin whose connections fill its register gets no further one. Counts the refusal. */
export function refuseSlot({ metrics }: Plugin, judgement: Judgement): Judgement {
  metrics.count('limitRejections', { limit: 'connections' });
  return limited(judgement, 'too many connections are open');
}

function limited(judgement: Judgement, cause: string): Judgement {
  const { host, port, dropped } = judgement.decision;
  const reason = 'concurrency_limited';
  return { ...judgement, decision: makeDecision({ decision: 'deny', reason, host, port, dropped, cause }) };
}

// A request that found its plugin's queue full, for both doors.

/** Counts the refusal. */
export function refuseQueued(
  { metrics, policy }: Plugin,
  destination: Destination,
  { reason, limit }: QueueRefusal,
): Judgement {
  metrics.count('limitRejections', { limit });
  return denial(reason, destination, policy);
}
