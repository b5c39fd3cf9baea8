// What becomes of a program's own connect where egress is `transparent`: the pure steps of DNS and trap in their order, for `explain`.
import type { AddressClass, Reason } from '../words.js';
import { type Address, parseAddress } from './address.js';
import { decide, judgeBare, judgeRequest, pickBest } from './decide.js';
import { type Decision, makeDecision, type Request } from './decision.js';
import { suggestAddress } from './format-rule.js';
import type { HostContext } from './host-block.js';
import { judgeQuestion, keepAddresses } from './judge-name.js';
import { parseHost } from './parse-host.js';
import type { Policy } from './policy.js';
import { isLoopbackAddress, staysInside } from './sandbox-address.js';
import { weighAddress } from './weigh-address.js';

/** A program's connect. */
interface OwnConnect extends Request {
  /** The plugin's name, which is its host name. */
  readonly hostname?: string | undefined;
}

/** The name that DNS is asked for; undefined if no server is asked. */
export function nameToAsk(policy: Policy, request: OwnConnect, context: HostContext): string | undefined {
  const host = parseHost(request.host);
  if (host?.kind !== 'name') return undefined;
  const verdict = judgeQuestion(policy, host.name, request.hostname, context);
  return typeof verdict === 'object' && verdict.decision !== 'deny' ? host.name : undefined;
}

/**
 * Decides a program's connect to a name or address.
 *
 * @param resolved the answer of DNS, if {@link nameToAsk} gives a name
 */
export function decideOwnConnect(
  policy: Policy,
  request: OwnConnect,
  resolved: readonly Address[],
  context: HostContext,
): OwnConnectVerdict {
  const { port } = request;
  const verdict = judgeRequest(policy, request, context);
  const direct = verdict.kind === 'settled' ? verdict.decision : undefined;
  const host = parseHost(request.host);
  if (host === undefined || direct?.reason === 'invalid_port')
    return { decision: decide(policy, request, [], context), fates: [] };
  if (host.kind === 'address')
    return judgeOwnAddresses(policy, { host: host.address.text, port }, [host.address], [], context);
  const { name } = host;
  const question = judgeQuestion(policy, name, request.hostname, context);
  if (question === 'loopback' || question === undefined)
    return judgeOwnAddresses(policy, { host: name, port }, LOOPBACK, [], context);
  if (question.decision === 'deny') {
    const { reason, rule } = question;
    const { suggestion } = direct ?? {};
    const closed = makeDecision({ decision: 'deny', reason, rule, host: name, port, suggestion });
    return { decision: direct?.reason === 'denied_by_rule' ? direct : closed, fates: [] };
  }
  if (resolved.length === 0)
    return { decision: makeDecision({ decision: 'deny', reason: 'dns_error', host: name, port }), fates: [] };
  const answers = [4, 6]
    .map((family) => resolved.filter((address) => address.family === family))
    .filter((addresses) => addresses.length > 0)
    .map((addresses) => keepAddresses(policy, question, addresses, context));
  const kept = answers.flatMap((answer) => answer.kept);
  const dropped = answers
    .flatMap((answer) => answer.dropped)
    .map(({ reason, rule, ...drop }): AddressFate => ({ ...drop, fate: reason, rule: rule ?? null }));
  const asked = decide(policy, request, resolved, context);
  const refusal = answers.find((answer) => answer.refusal !== undefined)?.refusal;
  if (kept.length === 0)
    return {
      decision: asked.reason.startsWith('address_') || refusal === undefined ? asked : refusal,
      fates: dropped,
    };
  const { decision, fates } = judgeOwnAddresses(policy, { host: name, port }, kept, [name], context);
  const all = [...fates, ...dropped];
  return {
    decision,
    fates: resolved.flatMap(({ text }) => all.filter(({ address }) => address.text === text).slice(0, 1)),
  };
}

const LOOPBACK: readonly Address[] = ['127.0.0.1', '::1']
  .map(parseAddress)
  .filter((address) => address !== undefined);

// Decides a program's connect to each address that it has for a host, as the trap does: inside first, then the rules. Pure.

/** What becomes of one address. */
export interface AddressFate {
  readonly address: Address;
  readonly class: AddressClass;
  /** `inside`: it is the sandbox's own, and the host's is not reached. */
  readonly fate: 'dialed' | 'inside' | Reason;
  /** The deny rule that covers it. */
  readonly rule: string | null;
}

export interface OwnConnectVerdict {
  readonly decision: Decision;
  readonly fates: readonly AddressFate[];
}

/**
 * @param host as the program named it
 * @param addresses at least one
 * @param names that DNS gave the addresses for
 */
function judgeOwnAddresses(
  policy: Policy,
  { host, port }: { readonly host: string; readonly port: number },
  addresses: readonly Address[],
  names: readonly string[],
  context: HostContext,
): OwnConnectVerdict {
  const judged = addresses.map((address) => {
    const weight = weighAddress(policy, address, port, context);
    const literal = decide(policy, { host: address.text, port }, [], context);
    if (staysInside(policy, address, port)) return { address, class: weight.class, literal };
    const decision = judgeBare(policy, { address, port }, names, literal, context);
    return { address, class: weight.class, decision };
  });
  const fates = judged.map(({ address, class: kind, decision }): AddressFate => {
    const drop = decision?.dropped[0];
    const fate = decision?.decision === 'deny' ? (drop?.reason ?? decision.reason) : 'dialed';
    return { address, class: kind, fate: decision === undefined ? 'inside' : fate, rule: drop?.rule ?? null };
  });
  const [first, ...rest] = judged
    .map(({ decision }) => decision)
    .filter((decision) => decision !== undefined);
  if (first === undefined) return { decision: stays(host, port, judged), fates };
  const best = [...rest].reduce((found, next) => pickBest([found, next]), first);
  const dial = judged
    .filter(({ decision }) => decision !== undefined && decision.decision !== 'deny')
    .map(({ address }) => address);
  return { decision: makeDecision({ ...best, host, dial, dropped: [] }), fates };
}

/** Every address is the sandbox's own. A request on the channel means the host's: other rules can allow that. */
function stays(
  host: string,
  port: number,
  inside: readonly { readonly address: Address; readonly literal?: Decision }[],
): Decision {
  const loopback = inside.map(({ address }) => address).find(isLoopbackAddress);
  const byChannel = inside.find(({ literal }) => literal?.decision === 'allow')?.literal?.rule;
  const cause =
    loopback === undefined
      ? `${inside[0]?.address.text ?? host} is the sandbox itself`
      : `${loopback.text} is the sandbox's own loopback; only a rule for exactly that address and port opens the host's${
          byChannel === undefined ? '' : ` to connect(2). ${byChannel} opens it to the client library`
        }`;
  const suggestion = loopback && suggestAddress(loopback, port);
  return makeDecision({ decision: 'deny', reason: 'address_special', host, port, cause, suggestion });
}
