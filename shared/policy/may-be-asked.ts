// Whether somebody may be asked about a refused destination, and what an approval permits. Pure. An approval opens less than a rule can: never
// a special address, a socket of the host or localhost, and nothing that a deny rule covers.
import { parseAddress } from './address.js';
import { type Decision, makeDecision, type RequestVerdict, type ResolveVerdict } from './decision.js';
import { suggestAddress, suggestName } from './format-rule.js';
import type { HostContext } from './host-block.js';
import { isLocalhost, parseHost } from './parse-host.js';
import { isPort } from './parse-ports.js';
import type { Policy } from './policy.js';
import { isSandboxAddress } from './sandbox-address.js';
import { findBlock } from './special-blocks.js';
import { weighAddress } from './weigh-address.js';

/**
 * @param decision made by the policy, for a name before its look-up
 * @param context this host's addresses and listeners
 */
export function mayBeAsked(policy: Policy, decision: Decision, context: HostContext): boolean {
  const { host: text, port, reason } = decision;
  if (
    decision.decision !== 'deny' ||
    /* protects: G20 ask: what a rule denies stays denied */ (reason !== 'no_rule' &&
      reason !== 'port_not_allowed')
  )
    return false;
  const host = parseHost(text);
  if (host === undefined || !isPort(port)) return false;
  if (host.kind === 'name')
    // protects: G20 an approval opens no localhost => return true;
    return !isLocalhost(host.name);
  return (
    !isSandboxAddress(host.address) &&
    /* protects: G20 an approval opens no special address => weighAddress(policy, host.address, port, context).class !== 'listener' */ weighAddress(
      policy,
      host.address,
      port,
      context,
    ).class === 'public'
  );
}

/** The verdict on a destination that {@link mayBeAsked} and was approved. Of a name, only public addresses are dialled. */
export function approvedVerdict({ host, port }: Pick<Decision, 'host' | 'port'>): RequestVerdict {
  const address = parseAddress(host);
  const approved = { decision: 'allow', reason: 'approved' } as const;
  if (address === undefined) return approvedName(host, port);
  return { kind: 'settled', decision: makeDecision({ ...approved, host, port, dial: [address] }) };
}

function approvedName(name: string, port: number): ResolveVerdict {
  return { kind: 'resolve', name, port, decision: 'allow', reason: 'approved' };
}

/**
 * The allow rule for a destination that was asked about, for a process that does not trust who asks.
 *
 * @returns undefined if the text is not canonical, or is about a destination that {@link mayBeAsked} excludes on every host
 */
export function suggestionFor(host: string, port: number): string | undefined {
  const parsed = parseHost(host);
  if (parsed === undefined || !isPort(port)) return undefined;
  if (parsed.kind === 'name')
    return parsed.name === host && !isLocalhost(host) ? suggestName(host, port) : undefined;
  const { address } = parsed;
  return address.text === host && findBlock(address) === undefined
    ? suggestAddress(address, port)
    : undefined;
}
