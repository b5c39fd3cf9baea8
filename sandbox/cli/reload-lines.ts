// What a reload says. Pure.
import type { Config } from '../../shared/config/load-config.js';
import type { ReloadPlan } from '../supervisor/fleet/reload.js';

export function describeReload(path: string, plan: ReloadPlan): string {
  const parts = (
    [
      ['started', plan.added],
      ['ended', plan.removed],
      ['restarted', plan.restarted],
      ['with other rules', plan.changed],
    ] as const
  )
    .filter(([, names]) => names.length > 0)
    .map(([word, names]) => `${word}: ${names.join(', ')}`);
  return `"${path}" was read again; ${parts.length === 0 ? 'no plugin changed' : parts.join('; ')}`;
}

/** The keys that a running postern does not take. */
export function needsNewStart(former: Config, next: Config): readonly string[] {
  const keys = ['metrics', 'audit', 'auditWhenFull', 'dnsServers', 'askMs', 'hook'] as const;
  const words = {
    metrics: 'metrics',
    audit: 'audit',
    auditWhenFull: 'audit.when_full',
    dnsServers: 'dns',
    askMs: 'ask.timeout_s',
    hook: 'ask.hook',
  };
  return keys
    .filter((key) => JSON.stringify(former[key]) !== JSON.stringify(next[key]))
    .map((key) => `${words[key]} changed: it is put in force when postern is started again`);
}
