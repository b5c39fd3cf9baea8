// Explains a decision in full to the operator, with what a plugin must not learn. Runs in the broker.
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import { decide } from '../../shared/policy/decide.js';
import { parseHost } from '../../shared/policy/parse-host.js';
import type { Policy } from '../../shared/policy/policy.js';
import { weighAddress } from '../../shared/policy/weigh-address.js';
import type { ExplainedAddress, Explanation, SupervisorLine } from '../../shared/protocol/link.js';
import { RequestLife } from '../limit/request-life.js';
import { decideRequest } from './decide-request.js';
import { dnsMessage } from './failure-reply.js';
import type { Judgement } from './judgement.js';
import type { Plugin } from './plugin.js';
import type { Services } from './services.js';

type ExplainLine = SupervisorLine & { readonly type: 'explain' };

/** Decides as for a plugin. With `resolved`, DNS is taken to answer that. Nothing is dialled, counted or logged. */
export async function explainDecision(
  services: Services,
  plugin: Plugin,
  line: ExplainLine,
): Promise<Explanation> {
  const { decision, considered, dnsFailure, policy } = await judge(services, plugin, line);
  const { host, port, reason, rule, suggestion, message } = decision;
  const dropped = new Map(decision.dropped.map((entry) => [entry.address.text, entry]));
  const literal = parseHost(host);
  const addresses = literal?.kind === 'address' ? [literal.address] : considered;
  return {
    decision: decision.decision,
    reason,
    rule: rule ?? null,
    host,
    port,
    message: dnsFailure === undefined ? message : dnsMessage(decision, dnsFailure),
    suggestion: suggestion ?? null,
    addresses: addresses.map((address): ExplainedAddress => {
      const drop = dropped.get(address.text);
      const refused = drop?.reason ?? (decision.decision === 'deny' ? reason : undefined);
      return {
        address: address.text,
        class: drop?.class ?? classOf(services, policy, address, port),
        fate: refused ?? 'dialed',
        rule: drop?.rule ?? null,
      };
    }),
  };
}

async function judge(
  services: Services,
  plugin: Plugin,
  { host, port, resolved }: ExplainLine,
): Promise<Judgement> {
  const { policy } = plugin;
  if (resolved === undefined || policy === undefined) {
    return decideRequest(services, plugin, { host, port }, new RequestLife(CONNECT_TIMEOUT_MS));
  }
  const considered = resolved.map((text) => parseAddress(text)).filter((address) => address !== undefined);
  const decision = decide(policy, { host, port }, considered, services.host.context());
  return { decision, policy, considered, dnsMs: null };
}

function classOf(
  services: Services,
  policy: Policy | undefined,
  address: Address,
  port: number,
): ExplainedAddress['class'] {
  return policy === undefined ? 'public' : weighAddress(policy, address, port, services.host.context()).class;
}
