// The replies to a plugin that gets no connection. They never hold an address that a name resolved to. Runs in the broker.
import { quoteDestination } from '../../shared/policy/make-decision.js';
import { parseHost } from '../../shared/policy/parse-host.js';
import { pluginRefusal } from '../../shared/policy/plugin-refusal.js';
import { quote } from '../../shared/policy/quote.js';
import type { FailureReply } from '../../shared/protocol/messages.js';
import type { Outcome } from '../../shared/reasons.js';
import { EARLY_ERRNO, type EarlyEnd } from '../limit/request-life.js';
import type { Connection } from './connect.js';
import type { Passage } from './connect-upstream.js';
import type { Destination, Judgement } from './judgement.js';
import type { Plugin } from './plugin.js';

const DNS_FAILURES = {
  nxdomain: { errno: 'ENOTFOUND', cause: 'the name has no address' },
  servfail: { errno: 'EAI_AGAIN', cause: 'its DNS server failed' },
  timeout: { errno: 'EAI_AGAIN', cause: 'its DNS gave no answer in time' },
} as const;

/** The reply to a request that was denied. */
export function refusalReply(id: number, { decision, dnsFailure }: Judgement): FailureReply {
  const refusal = pluginRefusal(decision);
  if (decision.reason === 'rate_limited') return { id, ok: false, ...refusal, errno: 'EAGAIN' };
  if (decision.reason === 'concurrency_limited')
    return { id, ok: false, ...refusal, errno: 'EAGAIN', message: decision.message };
  if (decision.reason === 'quota_exceeded')
    return { id, ok: false, ...refusal, errno: 'EDQUOT', message: decision.message };
  if (dnsFailure === undefined) return { id, ok: false, ...refusal };
  const { errno } = DNS_FAILURES[dnsFailure];
  return { id, ok: false, errno, reason: 'dns_error', message: dnsMessage(decision, dnsFailure) };
}

function dnsMessage({ host, port }: Destination, failure: keyof typeof DNS_FAILURES): string {
  return `Cannot connect to ${quoteDestination(host, port)}: ${DNS_FAILURES[failure].cause}`;
}

/** The reply to a request that found the queue full. */
export function limitReply(id: number, { decision }: Judgement): FailureReply {
  return { id, ok: false, ...pluginRefusal(decision), errno: 'EAGAIN' };
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
