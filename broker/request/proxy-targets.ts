// What a proxy is asked for, for a permitted connect. Pure.
import type { Address } from '../../shared/policy/address.js';
import { decide, type HostContext } from '../../shared/policy/decide.js';
import { directRule } from '../../shared/policy/direct-way.js';
import { findBlock } from '../../shared/policy/find-block.js';
import { hostBlock } from '../../shared/policy/host-block.js';
import { parseHost } from '../../shared/policy/parse-host.js';
import type { Rule } from '../../shared/policy/parse-rule.js';
import type { ProxyTarget } from '../upstream/handshake.js';
import type { Upstream } from '../upstream/upstream.js';
import type { Judgement } from './judgement.js';

/** Addresses that mean this host or its link. Behind a proxy they would mean the proxy's. */
const NEAR: ReadonlySet<string> = new Set(['loopback', 'linklocal', 'metadata']);

/**
 * What to ask the proxy for, the best first.
 *
 * @param judgement of a connect that is not denied
 * @param hostContext not called without a proxy
 * @returns empty: there is no proxy; the connect goes around it; or each address is one of this host, or of its link. The broker dials it
 *   itself then
 */
export function proxyTargets(
  upstream: Upstream,
  judgement: Judgement,
  hostContext: () => HostContext,
): readonly ProxyTarget[] {
  const { resolve } = upstream.proxy ?? {};
  if (resolve === undefined) return [];
  const { dial, host, port } = judgement.decision;
  if (resolve === 'proxy' && dial.length === 0)
    return named(parseHost(host)?.kind === 'name' ? host : undefined, port);
  const context = hostContext();
  const far = farOf(judgement, context);
  if (far.length === 0 || ruleAround(upstream, judgement, context) !== undefined) return [];
  // The proxy looks a name up anew. What somebody approved is about addresses that were checked here.
  const mayName = resolve === 'both' && judgement.decision.reason !== 'approved';
  const [name, ...others] = mayName ? permittedNames(judgement, context) : [];
  if (
    name !== undefined &&
    /* protects: G6 upstream: an address with two names is not sent as one of them => others.length >= 0 */ others.length ===
      0
  )
    return named(name, port);
  return far.map(({ text, family, bytes }) => ({ host: text, family, bytes, port }));
}

/** The rule of `via.direct` by which a connect goes around the proxy. @param judgement of a connect that is not denied */
export function ruleAround(
  { direct }: Upstream,
  judgement: Judgement,
  context: HostContext,
): Rule | undefined {
  if (direct === undefined) return undefined;
  const names = permittedNames(judgement, context);
  const { port } = judgement.decision;
  return directRule(direct, { names, dial: farOf(judgement, context), port }, context);
}

function named(host: string | undefined, port: number): readonly ProxyTarget[] {
  return host === undefined ? [] : [{ host, family: 'name', bytes: undefined, port }];
}

function farOf({ decision: { dial, port } }: Judgement, context: HostContext): readonly Address[] {
  // protects: G6 the host's own addresses are not sent to a proxy => return dial;
  return dial.filter((address) => !isNear(address, port, context));
}

function isNear(address: Address, port: number, context: HostContext): boolean {
  return hostBlock(address, port, context) !== undefined || NEAR.has(findBlock(address)?.class ?? '');
}

/** The name that was asked for. For an address they are the permitted names that the sandbox's DNS gave it for. */
function permittedNames({ decision, policy, names }: Judgement, context: HostContext): readonly string[] {
  const { host, port, dial } = decision;
  if (names === undefined) return parseHost(host)?.kind === 'name' ? [host] : [];
  if (policy === undefined) return [];
  return names.filter(
    (name) => name === host || decide(policy, { host: name, port }, dial, context).decision !== 'deny',
  );
}
