// Asks about a refused destination, if somebody may be asked. Runs in the broker.
import type { HostContext } from '../../shared/policy/decide.js';
import type { Decision } from '../../shared/policy/decision.js';
import { mayBeAsked } from '../../shared/policy/may-be-asked.js';
import type { Policy } from '../../shared/policy/policy.js';
import type { AskDoor } from '../../shared/protocol/link.js';
import type { Answered } from './approvals.js';
import type { AskTicket } from './open-ask.js';
import type { PluginAsks } from './plugin-asks.js';

/** A refused destination, and who wants it. */
export interface Refused {
  readonly decision: Decision;
  readonly policy: Policy | undefined;
  /** Of a connect(2) whose host is a name. */
  readonly address?: string | undefined;
  readonly door: AskDoor;
  readonly pid: number | null;
  readonly program: string | null;
}

/** @returns as {@link PluginAsks.ask}; undefined if nobody is asked about it */
export function askAbout(
  asks: PluginAsks,
  { decision, policy, address, door, pid, program }: Refused,
  context: () => HostContext,
): AskTicket | Answered | 'too_many' | undefined {
  if (!asks.on || policy === undefined || decision.decision !== 'deny') return undefined;
  if (!mayBeAsked(policy, decision, context())) return undefined;
  const { host, port } = decision;
  return asks.ask({ host, port, address, door, pid, program });
}
