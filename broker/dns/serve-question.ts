// The whole path of a sandbox's question, in order: decide, resolve, classify, grant, account. Runs in the broker on an owned question. A
// name that no rule opens is refused here, and no server sees it.
import { LOCAL_TTL_S } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import { judgeRequest } from '../../shared/policy/decide.js';
import type { Decision, RequestVerdict } from '../../shared/policy/decision.js';
import type { HostContext } from '../../shared/policy/host-block.js';
import {
  type ClosedName,
  judgeQuestion,
  keepAddresses,
  type NameVerdict,
  type OpenName,
} from '../../shared/policy/judge-name.js';
import { mayBeAsked } from '../../shared/policy/may-be-asked.js';
import { parseName } from '../../shared/policy/parse-host.js';
import type { Policy } from '../../shared/policy/policy.js';
import { askAbout, orApproved } from '../approval/ask-about.js';
import type { Answered, PluginAsks } from '../approval/plugin-asks.js';
import type { FamilyAnswer } from '../names/name-servers.js';
import type { Origin } from '../record/audit.js';
import { dnsServers, failureMessage, PATIENCE_MS } from '../record/failures.js';
import { askFamily, proxyResolves } from '../request/decide-request.js';
import type { Plugin, Services } from '../request/plugin.js';
import type { DnsQuestion } from './decode-dns-question.js';
import { type DnsAnswer, failed, granted, refusedAddresses, refusedName } from './encode-dns-answer.js';
import type { Grants } from './grants.js';
import { familyOfType, needsOtherRecords, type QuestionRefusals } from './question-refusals.js';

/** How long after one look-up of a name the one for its other family may begin. */
const OTHER_FAMILY_MS = 1000;

/** The sandbox that asks. */
export interface Asker {
  readonly plugin: Plugin;
  readonly grants: Grants;
  readonly refusals: QuestionRefusals;
  /** What is to be done about each look-up that is open when the sandbox ends. */
  readonly lookups: Set<() => void>;
  /** The process that asked. */
  readonly origin: Origin;
}

/**
 * @returns the answer, within DNS_TIMEOUT_MS, or later if somebody is asked about the name; undefined if the plugin has too many open questions,
 *   or has ended
 */
export function serveQuestion(
  services: Services,
  asker: Asker,
  question: DnsQuestion,
): DnsAnswer | undefined | Promise<DnsAnswer | undefined> {
  if (question.edns !== undefined && question.edns.version !== 0) return failed('badvers');
  const { plugin, refusals, origin } = asker;
  const { policy } = plugin;
  const { type } = question;
  const family = familyOfType(type);
  const name = parseName(question.name);
  if (name === undefined) {
    refusals.malformed(policy, question.name, type, origin);
    return refusedName('not the name of a host');
  }
  const gateway = policy && plugin.gateways.get(name);
  // protects: G23 gateway: DNS gives no other address of a host with a gateway
  if (gateway !== undefined) return granted(family === 4 ? [gateway] : [], LOCAL_TTL_S);
  const context = services.host.context();
  const judged = judgeQuestion(policy, name, plugin.name, context);
  if (judged === 'loopback') return answerLoopback(family);
  if (policy === undefined || judged === undefined) return failed('servfail');
  if (isReverse(name)) return refuse(services, asker, policy, judged, type);
  const verdict = orApprovedName(plugin.asks, policy, judged, context);
  if (needsOtherRecords(type) && verdict.reason !== 'denied_by_rule') {
    refusals.records(policy, name, type, origin);
    if (verdict.decision !== 'deny') return granted();
    services.metrics.count('dnsLookups', { result: 'refused' });
    return refusedName('no rule allows it');
  }
  // protects: G7 no server is asked for a name without a rule
  if (verdict.decision === 'deny') return refuseOrAsk(services, asker, policy, verdict, question);
  if (verdict.decision === 'would_deny') refusals.name(policy, verdict, type, origin);
  return family === undefined ? granted() : resolve(services, asker, policy, verdict, family);
}

/** The question waits while somebody is asked, and with it the thread of the program that resolves names. */
function refuseOrAsk(
  services: Services,
  asker: Asker,
  policy: Policy,
  verdict: ClosedName,
  question: DnsQuestion,
): DnsAnswer | Promise<DnsAnswer | undefined> {
  const refuseWith = (answered?: Answered | 'too_many'): DnsAnswer =>
    refuse(services, asker, policy, verdict, question.type, answered);
  const { plugin, origin } = asker;
  const context = (): HostContext => services.host.context();
  const decision = plugin.asks.on ? unknownName(policy, verdict, context()) : undefined;
  if (decision === undefined) return refuseWith();
  const { pid, program } = origin;
  const asked = askAbout(plugin.asks, { decision, policy, door: 'dns', pid, program }, context);
  if (asked === undefined || !('outcome' in asked)) return refuseWith(asked?.answered);
  return asked.outcome.then((outcome) => {
    if (outcome.kind === 'ended') return undefined;
    return outcome.kind === 'decide'
      ? serveQuestion(services, asker, question)
      : refuseWith(outcome.answered);
  });
}

function refuse(
  { metrics }: Services,
  { refusals, origin }: Asker,
  policy: Policy,
  verdict: NameVerdict,
  type: number,
  answered?: Answered | 'too_many',
): DnsAnswer {
  metrics.count('dnsLookups', { result: 'refused' });
  // Programs that log their peers ask for the name of every address: that is not worth a line each.
  if (!isReverse(verdict.name)) refusals.name(policy, verdict, type, origin, answered);
  return refusedName(verdict.reason === 'denied_by_rule' ? 'a rule denies this name' : 'no rule allows it');
}

function resolve(
  services: Services,
  asker: Asker,
  policy: Policy,
  open: OpenName,
  family: 4 | 6,
): DnsAnswer | undefined | Promise<DnsAnswer> {
  if (proxyResolves(services, asker.plugin, open))
    return granted(family === 4 ? [asker.grants.standIns.addressOf(open.name)] : [], LOCAL_TTL_S);
  const since = performance.now();
  const found = askFamily(services, asker.plugin, open.name, family);
  const answerWith = (answer: FamilyAnswer): DnsAnswer => {
    noteResult(services, asker, open.name, family, answer, since);
    return toAnswer(services, asker, policy, open, answer);
  };
  if (!(found instanceof Promise)) return found && answerWith(found);
  // A libc gives up before the broker does, and its program ends.
  const giveUp = (): void => {
    if (performance.now() - since >= PATIENCE_MS)
      noteResult(services, asker, open.name, family, { kind: 'timeout' }, since);
  };
  asker.lookups.add(giveUp);
  return found.then((answer) =>
    asker.lookups.delete(giveUp) ? answerWith(answer) : toAnswer(services, asker, policy, open, answer),
  );
}

const FAILURE_OF = {
  nodata: 'name_unknown',
  nxdomain: 'name_unknown',
  servfail: 'dns_failed',
  timeout: 'dns_timeout',
} as const;

/** What is told of a permitted look-up that failed. */
function noteResult(
  { names }: Services,
  { plugin, origin }: Asker,
  host: string,
  family: 4 | 6,
  { kind }: FamilyAnswer,
  since: number,
): void {
  const target = { host, port: null };
  if (kind === 'addresses') {
    plugin.failures.works(target);
    return;
  }
  const reason = FAILURE_OF[kind];
  const who = dnsServers((plugin.names ?? names).servers);
  plugin.failures.note({
    ...{ ...target, reason, origin, family, dialed: null, names: [], isHalf: kind === 'nodata' },
    message: failureMessage(
      kind === 'nodata' ? 'no_address' : reason,
      target,
      who,
      performance.now() - since,
    ),
    // The program asks for the other family too, a little sooner or later.
    since: since - OTHER_FAMILY_MS,
  });
}

function toAnswer(
  services: Services,
  asker: Asker,
  policy: Policy,
  open: OpenName,
  found: FamilyAnswer,
): DnsAnswer {
  switch (found.kind) {
    case 'addresses':
      return grant(services, asker, policy, open, found.addresses, found.ttl);
    case 'nodata':
      return granted();
    case 'nxdomain':
      return failed('nxdomain');
    default:
      return failed('servfail');
  }
}

function grant(
  services: Services,
  { plugin, grants, refusals, origin }: Asker,
  policy: Policy,
  open: OpenName,
  addresses: readonly Address[],
  ttl: number,
): DnsAnswer {
  const context = services.host.context();
  const { kept, dropped, refusal } = keepAddresses(policy, open, addresses, context, (port) =>
    judgeOnPort(plugin.asks, policy, open.name, port, context),
  );
  for (const drop of dropped) services.metrics.count('addressesDropped', { class: drop.class });
  if (refusal !== undefined) {
    refusals.addresses(policy, refusal, addresses[0]?.family ?? 4, origin);
    return refusedAddresses();
  }
  for (const address of /* protects: G7 addresses that no rule opens are not answered => addresses */ kept)
    grants.add(address, open.name, ttl);
  return granted(kept, ttl);
}

// The answer for names that mean the sandbox itself, and names that get no answer. Pure.

const LOOPBACK: readonly Address[] = ['127.0.0.1', '::1']
  .map(parseAddress)
  .filter((address) => address !== undefined);

/** The sandbox's own loopback. */
function answerLoopback(family: 4 | 6 | undefined): DnsAnswer {
  return granted(
    LOOPBACK.filter((address) => address.family === family),
    LOCAL_TTL_S,
  );
}

/** Whether a name is an address written backwards, RFC 1035 section 3.5 and RFC 3596 section 2.5. */
function isReverse(name: string): boolean {
  return /(?:^|\.)(?:in-addr|ip6)\.arpa$/.test(name);
}

// Names that were approved, for the DNS of a sandbox. A question has no port.

/** The port that a rule without one is about. A look-up is asked about with it. */
const HTTPS = 443;

/** The verdict on a name for one port, with what was approved. */
function judgeOnPort(
  asks: PluginAsks,
  policy: Policy,
  name: string,
  port: number,
  context: HostContext,
): RequestVerdict {
  return orApproved(asks, policy, judgeRequest(policy, { host: name, port }, context), context);
}

/** A name that no rule opens is open on the ports that were approved. */
function orApprovedName(
  asks: PluginAsks,
  policy: Policy,
  verdict: NameVerdict,
  context: HostContext,
): NameVerdict {
  if (!asks.on || verdict.decision !== 'deny') return verdict;
  const { name } = verdict;
  const ports = [...new Set([HTTPS, ...asks.approvals.portsOf(name)])]
    .sort((one, other) => one - other)
    .filter((port) => judgeOnPort(asks, policy, name, port, context).kind === 'resolve')
    .map((port) => ({ low: port, high: port }));
  return ports.length === 0 ? verdict : { name, decision: 'allow', reason: 'approved', ports };
}

/** The refusal that somebody may be asked about. */
function unknownName(
  policy: Policy,
  { name, reason }: ClosedName,
  context: HostContext,
): Decision | undefined {
  const verdict = judgeRequest(policy, { host: name, port: HTTPS }, context);
  if (reason !== 'no_rule' || verdict.kind === 'resolve') return undefined;
  return mayBeAsked(policy, verdict.decision, context) ? verdict.decision : undefined;
}
