// The bound on a plugin's open connections, for both ways out. Runs in the broker.
import { makeDecision } from '../../shared/policy/make-decision.js';
import type { Claim } from '../limit/open-connections.js';
import type { Judgement } from './judgement.js';
import type { Plugin } from './plugin.js';

export interface Admission {
  /** The judgement as it was, or a refusal where too many connections are open. */
  readonly judgement: Judgement;
  /** The place of the connection. Missing where nothing bounds the plugin's connections, or nothing is dialled. */
  readonly claim: Claim | undefined;
}

/** Claims a place for a permitted connect, and counts the refusal where no place is free. */
export function admitConnection({ connections, metrics }: Plugin, judgement: Judgement): Admission {
  if (judgement.decision.decision === 'deny' || connections === undefined)
    return { judgement, claim: undefined };
  const claim = connections.claim();
  if (claim.granted) return { judgement, claim };
  metrics.count('limitRejections', { limit: 'connections' });
  const { host, port, dropped } = judgement.decision;
  const cause = `${connections.limit} connections are open, as many as limits.connections permits`;
  const reason = 'concurrency_limited';
  const decision = makeDecision({ decision: 'deny', reason, host, port, dropped, cause });
  return { judgement: { ...judgement, decision }, claim: undefined };
}
