// A permitted connect of a plugin that has as many connections as it may have: its decision is a refusal. Runs in the broker.
import { makeDecision } from '../../shared/policy/make-decision.js';
import type { Claim } from '../limit/open-connections.js';
import type { Judgement } from './decide-request.js';
import type { Plugin } from './plugin.js';

/** @returns undefined where the decision is a refusal already, or nothing limits the plugin's connections */
export function claimConnection({ connections }: Plugin, { decision }: Judgement): Claim | undefined {
  return decision.decision === 'deny' ? undefined : connections?.claim();
}

/** Counts a refusal for want of a place. @param judgement the decision that permits the connect */
export function pastConnections({ connections, metrics }: Plugin, judgement: Judgement): Judgement {
  metrics.limited('connections');
  const { host, port, dropped } = judgement.decision;
  const cause = `${connections?.limit} connections are open, as many as limits.connections permits`;
  const reason = 'concurrency_limited';
  return { ...judgement, decision: makeDecision({ decision: 'deny', reason, host, port, dropped, cause }) };
}
