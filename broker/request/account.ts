// Counts a decision, and writes its audit event. Runs in the broker.
import type { AuditFields } from '../../shared/protocol/audit-events.js';
import type { Outcome } from '../../shared/reasons.js';
import type { ConnectionDescription } from '../accounts/connection-description.js';
import type { Claim } from '../accounts/connection-places.js';
import { CHANNEL, type Origin } from '../record/origin.js';
import { answerFields, answerWords } from './answer-fields.js';

import type { Passage } from './connect-upstream.js';
import { dnsProblem } from './failure-reply.js';
import type { Judgement } from './judgement.js';
import type { Plugin } from './plugin.js';
import type { Services } from './services.js';

/** How a permitted connect ended. */
export interface Ending {
  readonly outcome: Outcome;
  /** The address that answered, or whose errno the plugin got. Of a socket: its path without links. */
  readonly dialed: string | null;
  readonly connectMs: number | null;
  /** The way through a proxy. Then `dialed` is the proxy's address. */
  readonly passage?: Passage | undefined;
  /** Whether its event was counted before the plugin had the connection, with {@link Audit.owe}. */
  readonly isOwed?: boolean;
  /** The plugin has the connection, in this place. Missing if it has none, or if it is not noted. */
  readonly place?: Claim | undefined;
  /** What the outcome does not say, as a sentence for the operator: why a socket of the host was not connected, or what the proxy did. */
  readonly problem?: string | undefined;
}

/**
 * What the register keeps of a permitted connection, from before the plugin has it. Once it has, the event of the decision has the same
 * `decision_id`.
 */
export function describeConnection(
  { audit }: Services,
  { decision, names = [], answered }: Judgement,
  { door, pid, program }: Origin,
  { dialed, passage }: Pick<Ending, 'dialed' | 'passage'>,
): ConnectionDescription {
  return {
    decision_id: audit.nextDecisionId(),
    decision: decision.decision,
    host: decision.host,
    port: decision.port,
    rule: decision.rule ?? null,
    dialed: dialed ?? '',
    names,
    approved: answerFields(answered).answer !== undefined,
    proxied: passage !== undefined,
    door,
    pid,
    program,
  };
}

/** The plugin has a socket that still connects. The broker looks no further, and the connection may be made later. */
export function unwatched(ending: Ending): Ending {
  return { ...ending, problem: 'The program has the socket, and it may still be connected' };
}

/**
 * Counts and logs a decision. A refusal is accounted before the plugin has its answer: a broker that is killed in between leaves out no
 * refusal uncounted. A connect whose event is owed is accounted a little later: callers that wait come first.
 *
 * @param ending of a permitted connect that is over
 */
export function account(
  services: Services,
  plugin: Plugin,
  judgement: Judgement,
  ending?: Ending,
  origin: Origin = CHANNEL,
): void {
  const at = new Date();
  const record: Accounted = { services, plugin, judgement, ending, origin, at };
  if (ending?.isOwed === true) services.audit.later(() => accountNow(record));
  else accountNow(record);
}

/** What a decision is accounted by. */
interface Accounted {
  readonly services: Services;
  readonly plugin: Plugin;
  readonly judgement: Judgement;
  readonly ending: Ending | undefined;
  readonly origin: Origin;
  readonly at: Date;
}

function accountNow({ services, plugin, judgement, ending, origin, at }: Accounted): void {
  const { decision } = judgement;
  plugin.metrics.count('decisions', { decision: decision.decision, reason: decision.reason });
  if (ending !== undefined) {
    const { outcome, connectMs } = ending;
    plugin.metrics.count('connects', { outcome });
    if (connectMs !== null) services.metrics.observe('connectDuration', { outcome }, connectMs / 1000);
  }
  const event = describe(services, plugin, judgement, origin, ending);
  ending?.place?.settle(ending.outcome === 'connected');
  // Its rules have changed since this was decided.
  if (ending?.place !== undefined && judgement.policy !== plugin.policy) plugin.revokeConnections();
  services.audit.decision(event, ending?.isOwed === true, at);
}

/** Logs an explanation that a plugin asked for. No metric counts it. */
export function accountExplanation(services: Services, plugin: Plugin, judgement: Judgement): void {
  services.audit.explain(describe(services, plugin, judgement, CHANNEL));
}

function describe(
  { audit }: Services,
  plugin: Plugin,
  { decision, policy, considered, names = [], dnsMs, dnsFailure, answered }: Judgement,
  { door, pid, program }: Origin,
  ending?: Ending,
): AuditFields<'decision'> {
  const event: AuditFields<'decision'> = {
    decision_id: ending?.place?.decisionId ?? audit.nextDecisionId(),
    plugin: plugin.name,
    pid,
    program,
    door,
    mode: policy?.mode ?? 'enforce',
    decision: decision.decision,
    reason: decision.reason,
    rule: decision.rule ?? null,
    host: decision.host,
    port: decision.port,
    names,
    addresses_considered: considered.map(({ text }) => text),
    addresses_dropped: decision.dropped.map(({ address }) => address.text),
    dialed: ending?.dialed ?? null,
    dns_ms: round(dnsMs),
    connect_ms: round(ending?.connectMs ?? null),
    outcome: ending?.outcome ?? null,
    policy_hash: policy?.hash ?? null,
    ...answerFields(answered),
    ...ending?.passage,
  };
  if (decision.decision === 'allow')
    return ending?.problem === undefined ? event : { ...event, message: ending.problem };
  const { suggestion } = decision;
  const cause = dnsFailure === undefined ? decision.message : dnsProblem(plugin, decision, dnsFailure);
  const message = `${cause}${answerWords(answered)}`;
  return suggestion === undefined ? { ...event, message } : { ...event, message, suggestion };
}

/** To the microsecond. */
function round(milliseconds: number | null): number | null {
  return milliseconds === null ? null : Math.round(milliseconds * 1000) / 1000;
}
