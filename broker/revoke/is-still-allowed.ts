// Decides again on an open connection, by the rules that are in force now. Runs in the broker. Pure.
import { parseAddress } from '../../shared/policy/address.js';
import { decide, type HostContext, judgeRequest } from '../../shared/policy/decide.js';
import { decideUnix } from '../../shared/policy/decide-unix.js';
import type { Decision } from '../../shared/policy/decision.js';
import { judgeBare } from '../../shared/policy/judge-bare.js';
import type { Policy } from '../../shared/policy/policy.js';
import { UNIX_PREFIX } from '../../shared/policy/socket-path.js';
import type { ConnectionDescription } from '../accounts/connection-description.js';

/** By the same functions that decide on a new connection to the same host and address. */
export function isStillAllowed(
  policy: Policy,
  description: ConnectionDescription,
  context: HostContext,
): boolean {
  // protects: G7 a deny rule for the file of a UNIX socket ends its connections
  if (isDeniedFile(policy, description)) return false;
  const decision = decideAgain(policy, description, context);
  if (decision === undefined || decision.decision !== 'deny') return true;
  // No rule has allowed it, so no rule was withdrawn: somebody was asked. A deny rule ends it all the same.
  const isDenied = decision.reason === 'denied_by_rule' || decision.reason === 'address_denied';
  return description.approved && !isDenied;
}

/** A deny rule also holds for the path that the links led to. */
function isDeniedFile(policy: Policy, { host, dialed }: ConnectionDescription): boolean {
  return host.startsWith(UNIX_PREFIX) && decideUnix(policy, dialed).reason === 'denied_by_rule';
}

/** @returns undefined: the name is allowed, and its address is the proxy's business */
function decideAgain(
  policy: Policy,
  { host, port, dialed, names, door, proxied }: ConnectionDescription,
  context: HostContext,
): Decision | undefined {
  if (proxied) {
    const verdict = judgeRequest(policy, { host, port }, context);
    return verdict.kind === 'settled' ? verdict.decision : undefined;
  }
  const address = parseAddress(dialed);
  if (address === undefined) return decide(policy, { host, port }, [], context);
  const literal = decide(policy, { host: address.text, port }, [address], context);
  const asked = host === address.text ? names : [host, ...names];
  if (door === 'trap') return judgeBare(policy, { address, port }, asked, literal, context);
  return decide(policy, { host, port }, [address], context);
}
