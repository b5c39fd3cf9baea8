// The bounds on a plugin's connections that a new one must keep, for both ways out: how many are open, and what they may carry. Runs in the broker.
import type { Decision } from '../../shared/policy/decision.js';
import { makeDecision } from '../../shared/policy/make-decision.js';
import type { Claim } from '../accounts/connection-places.js';
import { hasQuota, type SpentQuota, spentQuota } from '../accounts/spent-quota.js';
import { NO_DESCRIPTOR } from '../limit/descriptor-shares.js';
import type { Judgement } from './judgement.js';
import type { Plugin } from './plugin.js';

export interface Admission {
  /** The judgement as it was, or a refusal. */
  readonly judgement: Judgement;
  /** The place of the connection. Missing where connections are not noted, or nothing is dialled. */
  readonly claim: Claim | undefined;
}

/** Claims a place for a permitted connect, and counts a refusal. */
export function admitConnection(plugin: Plugin, judgement: Judgement): Admission {
  const { connections, metrics, descriptors } = plugin;
  if (judgement.decision.decision === 'deny') return { judgement, claim: undefined };
  if (!descriptors.hasRoom(1)) return { judgement: refuseDescriptor(plugin, judgement), claim: undefined };
  if (connections === undefined) return { judgement, claim: undefined };
  const spent = spentOf(plugin);
  // protects: G22 quota: a plugin that has used it up gets no connection
  if (spent !== undefined) {
    metrics.count('limitRejections', { limit: spent.word });
    return {
      judgement: { ...judgement, decision: refuseSpent(spent, judgement.decision) },
      claim: undefined,
    };
  }
  const claim = connections.claim();
  if (claim.granted) return { judgement, claim };
  metrics.count('limitRejections', { limit: 'connections' });
  const cause = `${connections.limit} connections are open, as many as limits.connections permits`;
  return { judgement: limited(judgement, cause), claim: undefined };
}

/** @returns undefined while the plugin may carry more */
export function spentOf({ connections, limits }: Plugin): SpentQuota | undefined {
  return connections !== undefined && hasQuota(limits) ? spentQuota(limits, connections.total()) : undefined;
}

/** The refusal of what a quota permits no more. */
export function refuseSpent({ key, mib }: SpentQuota, { host, port, dropped }: Decision): Decision {
  const cause = `limits.${key} is used up: ${mib} MiB`;
  return makeDecision({ decision: 'deny', reason: 'quota_exceeded', host, port, dropped, cause });
}

/** A plugin that has used up its share of the broker's descriptors gets no connection. Counts the refusal. */
export function refuseDescriptor({ metrics }: Plugin, judgement: Judgement): Judgement {
  metrics.count('limitRejections', { limit: 'descriptors' });
  return limited(judgement, NO_DESCRIPTOR);
}

/** A plugin whose connections fill its register gets no further one. Counts the refusal. */
export function refusePlace({ metrics }: Plugin, judgement: Judgement): Judgement {
  metrics.count('limitRejections', { limit: 'connections' });
  return limited(judgement, 'too many connections are open');
}

function limited(judgement: Judgement, cause: string): Judgement {
  const { host, port, dropped } = judgement.decision;
  const reason = 'concurrency_limited';
  return { ...judgement, decision: makeDecision({ decision: 'deny', reason, host, port, dropped, cause }) };
}
