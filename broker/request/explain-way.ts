// Explains how a permitted connect leaves this host: through the plugin's proxy, or around it. Runs in the broker.
import type { ExplainedWay } from '../../shared/protocol/link.js';
import { proxyText } from '../upstream/upstream.js';
import { placeOf } from './connect-by-proxy.js';
import type { Judgement } from './judgement.js';
import type { Plugin } from './plugin.js';
import { proxyTargets, ruleAround } from './proxy-targets.js';
import type { Services } from './services.js';

/** @returns null for a denial, and without a proxy */
export function explainWay(
  services: Services,
  { upstream }: Plugin,
  judgement: Judgement,
): ExplainedWay | null {
  if (upstream.proxy === undefined || judgement.decision.decision === 'deny') return null;
  const context = services.host.context();
  const [target] = proxyTargets(upstream, judgement, () => context);
  if (target !== undefined) return { via: proxyText(upstream.proxy), tunnel: placeOf(target), rule: null };
  const rule = ruleAround(upstream, judgement, context);
  return { via: null, tunnel: null, rule: rule?.text ?? null };
}
