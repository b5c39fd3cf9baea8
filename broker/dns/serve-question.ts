// The whole path of a sandbox's question, in order: decide, resolve, classify, grant, account. Runs in the broker on an owned question. A
// name that no rule opens is refused here, and no server sees it.
import { LOCAL_TTL_S } from '../../shared/limits.js';
import type { Address } from '../../shared/policy/address.js';
import type { HostContext } from '../../shared/policy/decide.js';
import type { ClosedName, NameVerdict, OpenName } from '../../shared/policy/judge-name.js';
import { judgeQuestion } from '../../shared/policy/judge-question.js';
import { keepAddresses } from '../../shared/policy/keep-addresses.js';
import { parseName } from '../../shared/policy/parse-host.js';
import type { Policy } from '../../shared/policy/policy.js';
import type { Answered } from '../ask/approvals.js';
import { askAbout } from '../ask/ask-about.js';
import type { FamilyAnswer } from '../names/name-servers.js';
import type { Origin } from '../record/origin.js';
import { askFamily } from '../request/ask-family.js';
import type { Plugin } from '../request/plugin.js';
import { proxyResolves } from '../request/proxy-resolves.js';
import type { Services } from '../request/services.js';
import { judgeOnPort, orApprovedName, unknownName } from './approved-name.js';
import type { DnsQuestion } from './decode-dns-question.js';
import { type DnsAnswer, failed, granted, refusedAddresses, refusedName } from './dns-answer.js';
import type { Grants } from './grants.js';
import { answerLoopback, isReverse } from './local-names.js';
import type { QuestionRefusals } from './question-refusals.js';
import { familyOfType } from './question-type.js';

/** The sandbox that asks. */
export interface Asker {
  readonly plugin: Plugin;
  readonly grants: Grants;
  readonly refusals: QuestionRefusals;
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
  const context = services.host.context();
  const judged = judgeQuestion(policy, name, plugin.name, context);
  if (judged === 'loopback') return answerLoopback(family);
  if (policy === undefined || judged === undefined) return failed('servfail');
  if (isReverse(name)) return refuse(services, asker, policy, judged, type);
  const verdict = orApprovedName(plugin.asks, policy, judged, context);
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
  if (asked === undefined || asked === 'too_many' || 'answer' in asked) return refuseWith(asked);
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
  const found = askFamily(services, asker.plugin, open.name, family);
  if (found instanceof Promise)
    return found.then((answer) => toAnswer(services, asker, policy, open, answer));
  return found && toAnswer(services, asker, policy, open, found);
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
      return { ...granted(), code: 'nxdomain' };
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
