// The verdict on a request: first on the name or address as requested, then on each address that DNS gave for the name. Pure.
import type { Address } from './address.js';
import { decideUnix } from './decide-unix.js';
import {
  type Decision,
  type DroppedAddress,
  describeClass,
  type Grounds,
  makeDecision,
  type Request,
  type RequestVerdict,
  type ResolveVerdict,
} from './decision.js';
import { suggestAddress, suggestName } from './format-rule.js';
import { type HostContext, isLoopback } from './host-block.js';
import { type Host, isLocalhost, parseHost } from './parse-host.js';
import { isPort } from './parse-ports.js';
import type { Policy } from './policy.js';
import type { Match } from './rule-index.js';
import { UNIX_PREFIX } from './socket-path.js';
import { coverage, findAdmission, type Weight, weighAddress } from './weigh-address.js';

// A whole decision, for callers that already have the addresses. The data path uses the two halves separately.

/**
 * Decides a request: {@link judgeRequest}, then {@link judgeAddresses}.
 *
 * @param policy the rules and the mode
 * @param request host and port
 * @param resolved the addresses of the name. They are not read unless the name is allowed
 * @param context this host's addresses and listeners
 * @returns the decision. Never throws
 */
export function decide(
  policy: Policy,
  request: Request,
  resolved: readonly Address[],
  context: HostContext,
): Decision {
  return concludeVerdict(policy, judgeRequest(policy, request, context), resolved, context);
}

/** The decision that a verdict leads to. @param resolved the addresses of the name, if there is one to resolve */
export function concludeVerdict(
  policy: Policy,
  verdict: RequestVerdict,
  resolved: readonly Address[],
  context: HostContext,
): Decision {
  return verdict.kind === 'settled' ? verdict.decision : judgeAddresses(policy, verdict, resolved, context);
}

// The first half of a decision: everything before DNS is asked. Pure. Does not trust the request.

/**
 * Judges a request before its name is resolved.
 *
 * @param policy the rules and the mode
 * @param request of the plugin. Any value may be in it, and none throws
 * @param context this host's addresses and listeners
 * @returns the decision if the request is malformed, denied, for a literal address or for a socket; else the name to resolve
 */
export function judgeRequest(policy: Policy, request: Request, context: HostContext): RequestVerdict {
  const { host: asked, port } = readRequest(request);
  if (asked.startsWith(UNIX_PREFIX)) {
    if (port !== 0) return settle({ decision: 'deny', reason: 'invalid_port', host: asked, port });
    return { kind: 'settled', decision: decideUnix(policy, asked.slice(UNIX_PREFIX.length)) };
  }
  const host = parseHost(asked);
  if (!host) return settle({ decision: 'deny', reason: 'malformed_host', host: asked, port });
  const text = host.kind === 'name' ? host.name : host.address.text;
  if (!isPort(port)) return settle({ decision: 'deny', reason: 'invalid_port', host: text, port });
  return judgeHost(policy, host, port, context);
}

function judgeHost(policy: Policy, host: Host, port: number, context: HostContext): RequestVerdict {
  if (host.kind === 'address') {
    return { kind: 'settled', decision: judgeLiteral(policy, host.address, port, context) };
  }
  const { name } = host;
  const denial = policy.deny.matchName(name, port).rule ?? policy.deny.matchAny(port).rule;
  if (denial)
    return settle({ decision: 'deny', reason: 'denied_by_rule', rule: denial.text, host: name, port });
  const { rule, otherPort } = matchAllow(policy, name, port);
  if (rule) return { kind: 'resolve', name, port, decision: 'allow', reason: 'rule', rule: rule.text };
  const reason = otherPort ? 'port_not_allowed' : 'no_rule';
  if (policy.mode === 'audit') return { kind: 'resolve', name, port, decision: 'would_deny', reason };
  return settle({ decision: 'deny', reason, host: name, port, suggestion: suggestName(name, port) });
}

/** `*` is any name of at least two labels. localhost and names below it need a rule without a wildcard. */
function matchAllow({ allow }: Policy, name: string, port: number): Match {
  if (isLocalhost(name)) return allow.matchExactName(name, port);
  const match = allow.matchName(name, port);
  if (match.rule || !name.includes('.')) return match;
  const any = allow.matchAny(port);
  return { rule: any.rule, otherPort: match.otherPort || any.otherPort };
}

function judgeLiteral(policy: Policy, address: Address, port: number, context: HostContext): Decision {
  const { text: host } = address;
  const weight = weighAddress(policy, address, port, context);
  if (weight.denied) {
    return makeDecision({ decision: 'deny', reason: 'denied_by_rule', rule: weight.denied.text, host, port });
  }
  const admission = findAdmission(policy.allow, address, port, weight);
  if (admission) {
    return makeDecision({
      decision: 'allow',
      reason: 'rule',
      rule: admission.text,
      host,
      port,
      dial: [address],
    });
  }
  const covered = coverage(policy, address, port);
  const suggestion = suggestAddress(address, port);
  const audit = policy.mode === 'audit';
  if (weight.class !== 'public' && (covered === 'covered' || audit)) {
    const about = { address, what: describeClass(weight.class, weight.purpose) };
    return makeDecision({ decision: 'deny', reason: 'address_special', host, port, about, suggestion });
  }
  const reason = covered === 'other_port' ? 'port_not_allowed' : 'no_rule';
  if (audit) return makeDecision({ decision: 'would_deny', reason, host, port, dial: [address], suggestion });
  return makeDecision(
    /* protects: G7 a literal that no rule covers is denied => { decision: 'allow', reason: 'rule', host, port, dial: [address] } */ {
      decision: 'deny',
      reason,
      host,
      port,
      suggestion,
    },
  );
}

function settle(grounds: Grounds): RequestVerdict {
  return { kind: 'settled', decision: makeDecision(grounds) };
}

/** Reads the values of a request, whatever they are. */
function readRequest(request: unknown): { host: string; port: number } {
  const { host, port } = (typeof request === 'object' && request !== null ? request : {}) as Partial<
    Record<keyof Request, unknown>
  >;
  return { host: typeof host === 'string' ? host : '', port: typeof port === 'number' ? port : Number.NaN };
}

// The second half of a decision: which addresses of a name may be dialled. Pure. Does not trust the answers of DNS.

/** A weighed address of the name. */
interface Candidate {
  readonly address: Address;
  readonly weight: Weight;
  readonly verdict: 'kept' | 'address_denied' | 'address_special';
}

/**
 * Judges the addresses that a name resolved to.
 *
 * @param policy the rules that the verdict is from
 * @param verdict on the name
 * @param addresses the answers with CNAMEs followed, in the order to dial. None: the reason is `dns_error`
 * @param context this host's addresses and listeners
 * @returns the decision. `dial` keeps the order of the answers
 */
export function judgeAddresses(
  policy: Policy,
  verdict: ResolveVerdict,
  addresses: readonly Address[],
  context: HostContext,
): Decision {
  const { name: host, port, decision, reason, rule } = verdict;
  if (addresses.length === 0) return makeDecision({ decision: 'deny', reason: 'dns_error', host, port });
  const candidates = addresses.map((address) => judgeAddress(policy, verdict, address, context));
  const dial = candidates.filter((candidate) => candidate.verdict === 'kept').map(({ address }) => address);
  const dropped = candidates.flatMap(describeDropped);
  if (dial.length === 0) return refuse(verdict, candidates, dropped);
  const suggestion = decision === 'would_deny' ? suggestName(host, port) : undefined;
  return makeDecision({ decision, reason, rule, host, port, dial, dropped, suggestion });
}

function judgeAddress(
  policy: Policy,
  { name, port, decision }: ResolveVerdict,
  address: Address,
  context: HostContext,
): Candidate {
  const weight = weighAddress(policy, address, port, context);
  const judged = (verdict: Candidate['verdict']): Candidate => ({ address, weight, verdict });
  if (weight.denied) return judged('address_denied');
  const local = isLocalhost(name);
  if (local && !isLoopback(address)) return judged('address_special');
  // A rule for a name opens its public addresses. A rule for localhost opens loopback, but no listener of postern.
  const open = local ? decision === 'allow' && weight.class === 'loopback' : weight.class === 'public';
  return judged(open || findAdmission(policy.allow, address, port, weight) ? 'kept' : 'address_special');
}

function describeDropped({ address, weight, verdict }: Candidate): DroppedAddress[] {
  if (verdict === 'kept') return [];
  const rule = verdict === 'address_denied' ? weight.denied?.text : undefined;
  return [{ address, class: weight.class, reason: verdict, ...(rule !== undefined && { rule }) }];
}

/** No address is left. A denied address decides before a special one, whatever the order of the answers. */
function refuse(
  { name: host, port, decision }: ResolveVerdict,
  candidates: readonly Candidate[],
  dropped: readonly DroppedAddress[],
): Decision {
  const decisive = candidates.find(({ verdict }) => verdict === 'address_denied') ?? candidates[0];
  const reason = decisive?.verdict === 'address_denied' ? 'address_denied' : 'address_special';
  const about = decisive && {
    address: decisive.address,
    what: describeClass(decisive.weight.class, decisive.weight.purpose),
  };
  const rule = decisive?.weight.denied?.text;
  const rules = reason === 'address_denied' ? {} : suggestOpening(host, port, decision, candidates);
  return makeDecision({ decision: 'deny', reason, rule, host, port, dropped, about, ...rules });
}

/** In mode audit the name may have no rule either. */
function suggestOpening(
  host: string,
  port: number,
  decision: ResolveVerdict['decision'],
  candidates: readonly Candidate[],
): Pick<Grounds, 'suggestion' | 'nameSuggestion'> {
  const local = isLocalhost(host);
  const openable = candidates.find(({ address }) => !local || isLoopback(address));
  if (!openable) return {};
  const ofName = decision === 'would_deny' ? suggestName(host, port) : undefined;
  if (local && ofName !== undefined) return { suggestion: ofName };
  return { suggestion: suggestAddress(openable.address, port), nameSuggestion: ofName };
}

// Decides a connect to a bare address: under each name that led the sandbox to it, and as a literal. Pure.

/**
 * One allow rule is enough, for the address or for one of the names. A deny rule on the address wins; a denial of another name does not.
 *
 * @param names that DNS gave this address for
 * @param literal the decision on the address itself
 */
export function judgeBare(
  policy: Policy,
  { address, port }: { readonly address: Address; readonly port: number },
  names: readonly string[],
  literal: Decision,
  context: HostContext,
): Decision {
  const counted = literal.reason === 'denied_by_rule' ? [] : names;
  const best = pickBest([
    ...counted.map((name) => decide(policy, { host: name, port }, [address], context)),
    literal,
  ]);
  const lacksName = best.reason === 'no_rule' || best.reason === 'port_not_allowed';
  if (best.decision !== 'deny' || best === literal || !lacksName) return best;
  if (weighAddress(policy, address, port, context).class === 'public') return best;
  // A rule for the name would not open its special address.
  const { host, reason, cause, suggestion: nameSuggestion } = best;
  const { suggestion } = literal;
  return makeDecision({ decision: 'deny', reason, host, port, cause, suggestion, nameSuggestion });
}

const RANK = { allow: 2, would_deny: 1, deny: 0 } as const;

/** The most permissive decision; the first of equal ones. */
export function pickBest(decisions: readonly [...Decision[], Decision]): Decision {
  return decisions.reduce((best, next) => (RANK[next.decision] > RANK[best.decision] ? next : best));
}
