// What becomes of a program's own connect where egress is `transparent`: the pure steps of DNS and trap in their order, for `explain`.
import { type Address, parseAddress } from './address.js';
import { decide, type HostContext } from './decide.js';
import type { Request } from './decision.js';
import { type AddressFate, judgeOwnAddresses, type OwnConnectVerdict } from './judge-own-addresses.js';
import { judgeQuestion } from './judge-question.js';
import { judgeRequest } from './judge-request.js';
import { keepAddresses } from './keep-addresses.js';
import { makeDecision } from './make-decision.js';
import { parseHost } from './parse-host.js';
import type { Policy } from './policy.js';

/** A program's connect. */
export interface OwnConnect extends Request {
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
