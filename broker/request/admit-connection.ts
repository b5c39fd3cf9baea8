// The bound on a plugin's open connections, for both ways out. Runs in the broker.
import { makeDecision } from '../../shared/policy/make-decision.js';
import type { Claim } from '../accounts/connection-places.js';
import { NO_DESCRIPTOR } from '../limit/descriptor-shares.js';
import type { Judgement } from './judgement.js';
import type { Plugin } from './plugin.js';

export interface Admission {
  /** The judgement as it was, or a refusal where too many connections are open. */
  readonly judgement: Judgement;
  /** The place of the connection. Missing where connections are not noted, or nothing is dialled. */
  readonly claim: Claim | undefined;
}

/** Claims a place for a permitted connect, and counts the refusal where no place is free. */
export function admitConnection(plugin: Plugin, judgement: Judgement): Admission {
  const { connections, metrics, descriptors } = plugin;
  if (judgement.decision.decision === 'deny') return { judgement, claim: undefined };
  if (!descriptors.hasRoom(1)) return { judgement: refuseDescriptor(plugin, judgement), claim: undefined };
  if (connections === undefined) return { judgement, claim: undefined };
  const claim = connections.claim();
  if (claim.granted) return { judgement, claim };
  metrics.count('limitRejections', { limit: 'connections' });
  const cause = `${connections.limit} connections are open, as many as limits.connections permits`;
  return { judgement: limited(judgement, cause), claim: undefined };
}

/** A plugin that has used up its share of the broker's descriptors gets no connection. Counts the refusal. */
export function refuseDescriptor({ metrics }: Plugin, judgement: Judgement): Judgement {
  metrics.count('limitRejections', { limit: 'descriptors' });
  return limited(judgement, NO_DESCRIPTOR);
}

function limited(judgement: Judgement, cause: string): Judgement {
  const { host, port, dropped } = judgement.decision;
  const reason = 'concurrency_limited';
  return {
    ...judgement,
    decision: makeDecision({ decision: 'deny', reason, host, port, dropped, cause }),
  };
}
