// Whether only the proxy resolves a name (`resolve: proxy`). Runs in the broker.
import type { ResolveVerdict } from '../../shared/policy/decision.js';
import { isNamedDirect } from '../../shared/policy/direct-way.js';
import { makeDecision } from '../../shared/policy/make-decision.js';
import type { Policy } from '../../shared/policy/policy.js';
import type { Judgement } from './judgement.js';
import type { Plugin } from './plugin.js';
import type { Services } from './services.js';

/**
 * No address of such a name can be checked. So a rule must name it: what mode audit or an answer to a question permits does not go this way. A
 * name that the host knows without DNS does not either, and none that goes around the proxy.
 *
 * @param verdict without a port for a DNS question: a name that goes around the proxy on any port is resolved here
 */
export function proxyResolves(
  services: Services,
  { upstream, names }: Plugin,
  {
    name,
    port,
    decision,
    reason,
  }: Pick<ResolveVerdict, 'name' | 'decision' | 'reason'> & { readonly port?: number },
): boolean {
  return (
    upstream.proxy?.resolve === 'proxy' &&
    /* protects: G6 a name that no rule names does not go to a proxy unchecked */ decision === 'allow' &&
    /* protects: G6 a name that no rule names does not go to a proxy unchecked */ reason === 'rule' &&
    /* protects: G6 a name that goes around a proxy is resolved and checked here */ !(
      upstream.direct !== undefined && isNamedDirect(upstream.direct, name, port)
    ) &&
    !(names ?? services.names).knows(name)
  );
}

/** What becomes of a name that only the proxy resolves: it is permitted, and there is no address to dial. */
export function unresolved(
  policy: Policy,
  { name: host, port, decision, reason, rule }: ResolveVerdict,
): Judgement {
  return {
    decision: makeDecision({ decision, reason, rule, host, port }),
    policy,
    considered: [],
    dnsMs: null,
  };
}
