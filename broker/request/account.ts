// What a request leaves behind: its count, its audit event, and the reply to a plugin that gets no connection. Runs in the broker.
import { type Decision, quoteDestination } from '../../shared/policy/decision.js';
import { parseHost } from '../../shared/policy/parse-host.js';
import { pluginRefusal } from '../../shared/policy/plugin-refusal.js';
import { quote } from '../../shared/policy/quote.js';
import type { AuditFields } from '../../shared/protocol/audit-events.js';
import type { FailureReply } from '../../shared/protocol/messages.js';
import type { FailureWord, Outcome } from '../../shared/words.js';
import type { Claim, ConnectionDescription } from '../ledger/register.js';
import { EARLY_ERRNO, type EarlyEnd, type RequestLife } from '../limit/request-life.js';
import { CHANNEL, type Origin } from '../record/audit.js';
import { dnsServers, failureMessage, PATIENCE_MS } from '../record/failures.js';
import type { Passage, Way } from './connect-upstream.js';
import type { Connection } from './dial.js';
import { type Destination, type Judgement, refuseQueued } from './judgement.js';
import type { Plugin, Services } from './plugin.js';

// Counts a decision, and writes its audit event.

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
  /** The plugin has the connection, in this slot. Missing if it has none, or if it is not noted. */
  readonly claim?: Claim | undefined;
  /** See {@link unwatched}. */
  readonly isUnwatched?: boolean;
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
  { dialed, tunnelled }: Pick<Ending, 'dialed'> & Pick<Way, 'tunnelled'>,
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
    tunnelled: tunnelled?.map(({ text }) => text) ?? null,
    door,
    pid,
    program,
  };
}

/** The plugin has a socket that still connects. The broker looks no further, and the connection may be made later. */
export function unwatched(ending: Ending): Ending {
  return {
    ...ending,
    isUnwatched: true,
    problem: 'The program has the socket, and it may still be connected',
  };
}

/**
 * Counts and logs a decision. A refusal is accounted before the plugin has its answer: a broker that is killed in between leaves no
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

/** Accounts for a request whose time limit was over before its turn. */
export function accountLate(
  services: Services,
  plugin: Plugin,
  destination: Destination,
  life: RequestLife,
  origin: Origin = CHANNEL,
): void {
  // Nobody waits for it any more, or the audit log has no room.
  if (life.ended !== 'timeout' || !plugin.gate.isOpen) return;
  // protects: G8 a request whose turn does not come in time is an event
  account(services, plugin, refuseQueued(plugin, destination, plugin.queue.bound), undefined, origin);
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
  const decisionId = ending?.claim?.decisionId ?? services.audit.nextDecisionId();
  ending?.claim?.settle(
    ending.outcome === 'connected' ||
      /* protects: G22 accounts: a connection that nobody watched has its event => false */ ending.isUnwatched ===
        true,
  );
  // Its rules have changed since this was decided.
  if (ending?.claim !== undefined && judgement.policy !== plugin.policy) plugin.revokeConnections();
  noteResult(services, plugin, judgement, origin, ending);
  const mustBeSeen = decision.decision !== 'allow';
  const event = (): AuditFields<'decision'> => describe(decisionId, plugin, judgement, origin, ending);
  services.audit.decision(plugin.name, mustBeSeen, event, ending?.isOwed === true, at);
}

// What became of a permitted request, for those who are told of failures.

function noteResult(
  services: Services,
  plugin: Plugin,
  { decision, names = [], dnsMs, dnsFailure }: Judgement,
  origin: Origin,
  ending: Ending | undefined,
): void {
  const { host, port } = decision;
  if (ending?.outcome === 'connected') {
    plugin.failures.works(decision, names);
    return;
  }
  const reason = ending === undefined ? dnsReason(decision, dnsFailure) : connectReason(ending);
  if (reason === undefined) return;
  const { dialed, connectMs, problem, isUnwatched } = {
    ...{ dialed: null, connectMs: dnsMs, problem: undefined, isUnwatched: false },
    ...ending,
  };
  const { servers } = plugin.names ?? services.names;
  const who = ending === undefined ? dnsServers(servers) : (dialed ?? host);
  // A proxy, and a socket of the host, say more than the outcome.
  const told = isUnwatched === true ? undefined : problem;
  plugin.failures.note({
    ...{ reason, origin, host, port, dialed, names },
    message: told ?? failureMessage(reason, { host, port }, who, connectMs),
    since: performance.now() - (connectMs ?? 0),
  });
}

const DNS_REASONS = { nxdomain: 'name_unknown', servfail: 'dns_failed', timeout: 'dns_timeout' } as const;

function dnsReason(
  { reason }: Decision,
  failure: keyof typeof DNS_REASONS | undefined,
): FailureWord | undefined {
  if (failure !== undefined) return DNS_REASONS[failure];
  return reason === 'dns_error' ? 'dns_failed' : undefined;
}

/** @returns undefined if the connect has not failed, as far as anyone knows */
function connectReason({ outcome, connectMs, passage, isUnwatched }: Ending): FailureWord | undefined {
  if (outcome === 'connected') return undefined;
  const gaveUp = outcome === 'canceled' || isUnwatched === true;
  if (gaveUp) return (connectMs ?? 0) >= PATIENCE_MS ? 'timeout' : undefined;
  return passage === undefined || outcome === 'timeout' ? outcome : 'proxy_refused';
}

/** Logs an explanation that a plugin asked for. No metric counts it. */
export function accountExplanation(services: Services, plugin: Plugin, judgement: Judgement): void {
  services.audit.explain(describe(services.audit.nextDecisionId(), plugin, judgement, CHANNEL));
}

function describe(
  decisionId: string,
  plugin: Plugin,
  { decision, policy, considered, names = [], dnsMs, dnsFailure, answered }: Judgement,
  { door, pid, program }: Origin,
  ending?: Ending,
): AuditFields<'decision'> {
  const event: AuditFields<'decision'> = {
    decision_id: decisionId,
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
  const { suggestion, nameSuggestion } = decision;
  const cause = dnsFailure === undefined ? decision.message : dnsProblem(plugin, decision, dnsFailure);
  const message = `${cause}${answerWords(answered)}`;
  return {
    ...{ ...event, message },
    ...(suggestion !== undefined && { suggestion }),
    ...(nameSuggestion !== undefined && { name_suggestion: nameSuggestion }),
  };
}

/** To the microsecond. */
function round(milliseconds: number | null): number | null {
  return milliseconds === null ? null : Math.round(milliseconds * 1000) / 1000;
}

// The replies to a plugin that gets no connection. They never hold an address that a name resolved to.

const DNS_FAILURES = {
  nxdomain: { errno: 'ENOTFOUND', cause: 'the name has no address' },
  servfail: { errno: 'EAI_AGAIN', cause: 'its DNS server failed' },
  timeout: { errno: 'EAI_AGAIN', cause: 'its DNS gave no answer in time' },
} as const;

/** The reply to a request that was denied. */
export function refusalReply(id: number, { decision, dnsFailure }: Judgement): FailureReply {
  const refusal = pluginRefusal(decision);
  // Which limit it was, and what is open.
  if (decision.reason === 'concurrency_limited' || decision.reason === 'quota_exceeded')
    return { id, ok: false, ...refusal, message: decision.message };
  if (dnsFailure === undefined) return { id, ok: false, ...refusal };
  const { errno } = DNS_FAILURES[dnsFailure];
  return { id, ok: false, errno, reason: 'dns_error', message: dnsMessage(decision, dnsFailure) };
}

function dnsMessage({ host, port }: Destination, failure: keyof typeof DNS_FAILURES): string {
  return `Cannot connect to ${quoteDestination(host, port)}: ${DNS_FAILURES[failure].cause}`;
}

/** The reply to a request that found the queue full. */
export function limitReply(id: number, { decision }: Judgement): FailureReply {
  return { id, ok: false, ...pluginRefusal(decision) };
}

const ENDINGS: Readonly<Record<Exclude<Outcome, 'connected'>, string>> = {
  refused: 'the peer refused the connection',
  unreachable: 'the peer cannot be reached',
  timeout: 'no answer in time',
  reset: 'the connection was reset',
  canceled: 'canceled',
};

/** The reply to a permitted connect that failed. @param cause if it says more than the outcome */
export function outcomeReply(
  id: number,
  { host, port }: Destination,
  outcome: Exclude<Outcome, 'connected'>,
  errno: string,
  cause: string = ENDINGS[outcome],
): FailureReply {
  const message = `Cannot connect to ${quoteDestination(host, port)}: ${cause}`;
  return { id, ok: false, errno, reason: outcome, message };
}

/** What a proxy did, for the operator. @param cause of a connection that the proxy did not make */
export function proxyProblem(
  { host, port }: Destination,
  { via, tunnel }: Passage,
  { cause = 'the proxy was not waited for', isForbidden }: Pick<ProxyEnd, 'cause' | 'isForbidden'> = {},
): string {
  const asksForAddress = parseHost(host)?.kind === 'name' && tunnel !== `${host}:${port}`;
  const hint = isForbidden === true && asksForAddress ? ASKED_FOR_ADDRESS : '';
  return `Cannot connect to ${quoteDestination(host, port)} by ${quote(via)}: ${cause}${hint}`;
}

type ProxyEnd = Exclude<Connection, { readonly outcome: 'connected' }>;

const ASKED_FOR_ADDRESS =
  '; it was asked for the address that postern has checked. If it permits names alone: resolve: both (--via-resolve both)';
const ONLY_THE_PROXY = '; if only the proxy can resolve it: resolve: proxy (--via-resolve proxy)';

/** How DNS failed, for the operator. */
export function dnsProblem(
  { upstream: { proxy } }: Pick<Plugin, 'upstream'>,
  destination: Destination,
  failure: keyof typeof DNS_FAILURES,
): string {
  const hint = proxy === undefined || proxy.resolve === 'proxy' ? '' : ONLY_THE_PROXY;
  return `${dnsMessage(destination, failure)}${hint}`;
}

/** The reply to a request that ended before anything was dialled. */
export function earlyReply(id: number, destination: Destination, end: EarlyEnd): FailureReply {
  return outcomeReply(id, destination, end, EARLY_ERRNO[end]);
}

// What the audit log says about an answer to `unknown: ask`. Pure.

type Answer = Judgement['answered'];

export function answerFields(answered: Answer): Pick<AuditFields<'decision'>, 'answer' | 'answered_by'> {
  if (answered === undefined || answered === 'too_many') return {};
  return { answer: answered.answer, answered_by: answered.by };
}

/** For the end of a refusal's message. */
export function answerWords(answered: Answer): string {
  if (answered === undefined) return '';
  if (answered === 'too_many') return '; nobody was asked, since the plugin asks too much';
  if (answered.answer === 'timeout') return ', and nobody answered in time';
  return answered.answer === 'deny' ? ', and it was denied when asked about' : '';
}
