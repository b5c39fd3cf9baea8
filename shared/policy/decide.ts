// A whole decision, for callers that already have the addresses. The data path uses the two halves separately.
import type { Address } from './address.js';
import type { Decision, Request } from './decision.js';
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
  const verdict = judgeRequest(policy, request, context);
  return verdict.kind === 'settled' ? verdict.decision : judgeAddresses(policy, verdict, resolved, context);
}
