// The targets by name. Each is loaded on demand, so that a process has the code of one target only.
import type { FuzzTarget } from '../fuzz-target.js';

const TARGETS = {
  frame: () => import('./frame.js'),
  reply: () => import('./reply.js'),
  host: () => import('./host.js'),
  rule: () => import('./rule.js'),
  decide: () => import('./decide.js'),
  compare: () => import('./compare.js'),
  'dns-question': () => import('./dns-question.js'),
  'dns-upstream': () => import('./dns-upstream.js'),
  sockaddr: () => import('./sockaddr.js'),
  config: () => import('./config.js'),
  audit: () => import('./audit.js'),
  'broker-lines': () => import('./broker-lines.js'),
  proxy: () => import('./proxy.js'),
} as const satisfies Record<string, () => Promise<{ readonly target: FuzzTarget }>>;

export const TARGET_NAMES: readonly string[] = Object.keys(TARGETS);

export async function openTarget(name: string): Promise<FuzzTarget> {
  const load = Object.entries(TARGETS).find(([known]) => known === name)?.[1];
  if (load === undefined) throw new TypeError(`No target "${name}"`);
  return (await load()).target;
}
