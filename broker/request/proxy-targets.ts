// What a proxy is asked for, for a permitted connect. Pure.
import type { Address } from '../../shared/policy/address.js';
import { decide, type HostContext } from '../../shared/policy/decide.js';
import { findBlock } from '../../shared/policy/find-block.js';
import { hostBlock } from '../../shared/policy/host-block.js';
import { parseHost } from '../../shared/policy/parse-host.js';
import type { ProxyTarget } from '../upstream/handshake.js';
import type { UpstreamProxy } from '../upstream/upstream.js';
import type { Judgement } from './judgement.js';

/** Addresses that mean this host or its link. Behind a proxy they would mean the proxy's. */
const NEAR: ReadonlySet<string> = new Set(['loopback', 'linklocal', 'metadata']);

/**
 * What to ask the proxy for, the best first.
 *
 * @param judgement of a connect that is not denied
 * @returns empty: each address is one of this host, or of its link, so the broker dials it itself
 */
export function proxyTargets(
  { resolve }: UpstreamProxy,
  judgement: Judgement,
  context: HostContext,
): readonly ProxyTarget[] {
  const { dial, host, port } = judgement.decision;
  if (resolve === 'proxy' && dial.length === 0)
    return named(parseHost(host)?.kind === 'name' ? host : undefined, port);
  const far = dial.filter((address) => !isNear(address, port, context));
  if (far.length === 0) return [];
  // The proxy looks a name up anew. What somebody approved is about addresses that were checked here.
  const mayName = resolve === 'both' && judgement.decision.reason !== 'approved';
  const name = mayName ? oneName(judgement, context) : undefined;
  if (name !== undefined) return named(name, port);
  return far.map(({ text, family, bytes }) => ({ host: text, family, bytes, port }));
}

function named(host: string | undefined, port: number): readonly ProxyTarget[] {
  return host === undefined ? [] : [{ host, family: 'name', bytes: undefined, port }];
}

function isNear(address: Address, port: number, context: HostContext): boolean {
  return hostBlock(address, port, context) !== undefined || NEAR.has(findBlock(address)?.class ?? '');
}

/** The name that was asked for. For an address it is the one permitted name that the sandbox's DNS gave it for, if there is just one. */
function oneName({ decision, policy, names }: Judgement, context: HostContext): string | undefined {
  const { host, port, dial } = decision;
  if (names === undefined) return parseHost(host)?.kind === 'name' ? host : undefined;
  if (policy === undefined) return undefined;
  const permitted = names.filter(
    (name) => name === host || decide(policy, { host: name, port }, dial, context).decision !== 'deny',
  );
  return permitted.length === 1 ? permitted[0] : undefined;
}
