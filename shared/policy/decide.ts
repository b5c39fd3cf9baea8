// A whole decision, for callers that already have the addresses. The data path uses the two halves separately.
import type { Address } from './address.js';
import type { Decision, Request, RequestVerdict } from './decision.js';
import type { HostContext } from './host-block.js';
import { judgeAddresses } from './judge-addresses.js';
import { judgeRequest } from './judge-request.js';
import type { Policy } from './policy.js';

export type { Decision, DroppedAddress, Request, RequestVerdict, ResolveVerdict } from './decision.js';
export type { HostContext } from './host-block.js';
export { judgeAddresses, judgeRequest };

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
