// Explains a decision in full to the operator, with what a plugin must not learn. Runs in the broker.
import { gatewayName, hostOfPlainName, PLAIN_PORTS } from '../../shared/gateway.js';
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import { decide, judgeRequest } from '../../shared/policy/decide.js';
import {
  type AddressFate,
  decideOwnConnect,
  nameToAsk,
  type OwnConnectVerdict,
} from '../../shared/policy/decide-own-connect.js';
import { type Decision, quoteDestination } from '../../shared/policy/decision.js';
import { parseHost, parseName } from '../../shared/policy/parse-host.js';
import type { Policy } from '../../shared/policy/policy.js';
import { weighAddress } from '../../shared/policy/weigh-address.js';
import type { ExplainedWay, Explanation, SupervisorLine } from '../../shared/protocol/link.js';
import { orApproved } from '../approval/ask-about.js';
import { RequestLife } from '../limit/request-life.js';
import { proxyText } from '../upstream/upstream.js';
import { dnsProblem } from './account.js';
import { besideGateway } from './beside-gateway.js';
import { placeOf, proxyTargets, ruleAround } from './connect-upstream.js';
import { decideRequest, proxyResolves } from './decide-request.js';
import { denial, type Judgement, refuseDescriptor, refuseSpent, spentOf } from './judgement.js';
import type { Plugin, Services } from './plugin.js';

type ExplainLine = SupervisorLine & { readonly type: 'explain' };
type Explained = OwnConnectVerdict & Pick<Judgement, 'dnsFailure'>;

/**
 * Decides as for a plugin: with egress `transparent` as for its own connect(2), with `channel` as for a request. With `resolved`, DNS is
 * taken to answer that. Nothing is dialled or logged.
 */
export async function explainDecision(
  services: Services,
  plugin: Plugin,
  line: ExplainLine,
): Promise<Explanation> {
  const gateway = services.plugins.get(gatewayName(plugin.name));
  const name = parseName(line.host) ?? '';
  if (gateway !== undefined && plugin.gateways.has(name))
    return explainGateway(services, plugin, gateway, line);
  const { policy } = plugin;
  const transparent =
    /* protects: G7 a program's own connect is decided as the trap decides it => false */ line.egress ===
      'transparent' &&
    policy !== undefined &&
    !isLeftToProxy(services, plugin, policy, line) &&
    !isApproved(services, plugin, policy, line);
  const {
    decision: judged,
    fates,
    dnsFailure,
  } = transparent
    ? await judgeOwnConnect(services, plugin, policy, line)
    : await judgeRequested(services, plugin, line);
  const spent = judged.decision === 'deny' ? undefined : spentOf(plugin);
  const decision = spent === undefined ? besideGateway(services, plugin, judged) : refuseSpent(spent, judged);
  const { host, port, reason, rule, suggestion, nameSuggestion, message } = decision;
  return {
    decision: decision.decision,
    reason,
    rule: rule ?? null,
    host,
    port,
    message: dnsFailure === undefined ? message : dnsProblem(plugin, decision, dnsFailure),
    suggestion: suggestion ?? null,
    name_suggestion: nameSuggestion ?? null,
    addresses: fates.map(({ address, ...fate }) => ({ address: address.text, ...fate })),
    way: explainWay(
      services,
      plugin,
      transparent ? ofFirst(decision, policy) : { ...NO_LOOKUP, decision, policy },
    ),
  };
}

/** A name for plain HTTP stands for its host, on the port where the sandbox serves it. */
async function explainGateway(
  services: Services,
  plugin: Plugin,
  gateway: Plugin,
  line: ExplainLine,
): Promise<Explanation> {
  const host = hostOfPlainName(parseName(line.host) ?? '');
  const isPlain = host !== undefined && plugin.gateways.has(host);
  const meant = isPlain && line.port === PLAIN_PORTS.inside ? { host, port: PLAIN_PORTS.upstream } : {};
  const explained = await explainDecision(services, gateway, { ...line, ...meant, egress: 'channel' });
  if (!isPlain) return { ...explained, message: `${explained.message}, through the gateway` };
  const { port } = line;
  const asked = { ...explained, host: line.host, port };
  if (port === PLAIN_PORTS.inside)
    return {
      ...asked,
      message: `${explained.message}, through the gateway, which serves plain HTTP under this name in the sandbox`,
    };
  const message = `Cannot connect to ${quoteDestination(line.host, port)}: the gateway serves this name on port ${PLAIN_PORTS.inside} alone`;
  return { ...asked, message, suggestion: null };
}

const NO_LOOKUP: Pick<Judgement, 'considered' | 'dnsMs'> = { considered: [], dnsMs: null };

/** A program connects to one address, which its DNS gave for the name. */
function ofFirst(decision: Decision, policy: Policy): Judgement {
  const names = parseHost(decision.host)?.kind === 'name' ? [decision.host] : [];
  return { ...NO_LOOKUP, decision: { ...decision, dial: decision.dial.slice(0, 1) }, policy, names };
}

/** Whether the answer needs no look-up of this host: where only the proxy resolves the name, or the rules refuse the request before. */
function isLeftToProxy(services: Services, plugin: Plugin, policy: Policy, line: ExplainLine): boolean {
  if (plugin.upstream.proxy?.resolve !== 'proxy' || line.resolved !== undefined) return false;
  const verdict = judgeRequest(policy, line, services.host.context());
  return verdict.kind === 'settled' || proxyResolves(services, plugin, verdict);
}

/** Whether somebody has approved it. Then it is decided as a request is, by name or address. */
function isApproved(services: Services, plugin: Plugin, policy: Policy, line: ExplainLine): boolean {
  const context = services.host.context();
  const verdict = judgeRequest(policy, line, context);
  return orApproved(plugin.asks, policy, verdict, context) !== verdict;
}

async function judgeOwnConnect(
  services: Services,
  plugin: Plugin,
  policy: Policy,
  line: ExplainLine,
): Promise<Explained> {
  const context = services.host.context();
  const name = line.resolved === undefined ? nameToAsk(policy, line, context) : undefined;
  const pending =
    name === undefined ? undefined : (plugin.names ?? services.names).resolve(name, plugin.descriptors);
  if (name !== undefined && pending === undefined) {
    const { decision } = refuseDescriptor(plugin, denial('concurrency_limited', line, policy));
    return { decision, fates: [] };
  }
  const found = await pending;
  const verdict = decideOwnConnect(policy, line, found?.addresses ?? given(line), context);
  return found === undefined || found.result === 'ok' ? verdict : { ...verdict, dnsFailure: found.result };
}

async function judgeRequested(services: Services, plugin: Plugin, line: ExplainLine): Promise<Explained> {
  const { decision, considered, policy, dnsFailure } = await judge(services, plugin, line);
  const dropped = new Map(decision.dropped.map((entry) => [entry.address.text, entry]));
  const literal = parseHost(decision.host);
  const addresses = literal?.kind === 'address' ? [literal.address] : considered;
  const fates = addresses.map((address): AddressFate => {
    const drop = dropped.get(address.text);
    const refused = drop?.reason ?? (decision.decision === 'deny' ? decision.reason : undefined);
    return {
      address,
      class: drop?.class ?? classOf(services, policy, address, line.port),
      fate: refused ?? 'dialed',
      rule: drop?.rule ?? null,
    };
  });
  return { decision, fates, ...(dnsFailure !== undefined && { dnsFailure }) };
}

async function judge(services: Services, plugin: Plugin, line: ExplainLine): Promise<Judgement> {
  const { policy } = plugin;
  const { host, port } = line;
  if (line.resolved === undefined || policy === undefined) {
    return decideRequest(services, plugin, { host, port }, new RequestLife(CONNECT_TIMEOUT_MS));
  }
  const considered = given(line);
  const decision = decide(policy, { host, port }, considered, services.host.context());
  return { decision, policy, considered, dnsMs: null };
}

function given({ resolved = [] }: ExplainLine): readonly Address[] {
  return resolved.map((text) => parseAddress(text)).filter((address) => address !== undefined);
}

function classOf(
  services: Services,
  policy: Policy | undefined,
  address: Address,
  port: number,
): AddressFate['class'] {
  return policy === undefined ? 'public' : weighAddress(policy, address, port, services.host.context()).class;
}

// Explains how a permitted connect leaves this host: through the plugin's proxy, or around it.

/** @returns null for a denial, and without a proxy */
function explainWay(services: Services, { upstream }: Plugin, judgement: Judgement): ExplainedWay | null {
  if (upstream.proxy === undefined || judgement.decision.decision === 'deny') return null;
  const context = services.host.context();
  const [target] = proxyTargets(upstream, judgement, () => context);
  if (target !== undefined) return { via: proxyText(upstream.proxy), tunnel: placeOf(target), rule: null };
  const rule = ruleAround(upstream, judgement, context);
  return { via: null, tunnel: null, rule: rule?.text ?? null };
}
