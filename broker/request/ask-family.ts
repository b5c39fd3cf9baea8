// One question to the resolver, counted: for the plugin that waits for it, and in the figures of DNS. Runs in the broker.
import { DNS_QUESTIONS } from '../../shared/limits.js';
import type { FamilyAnswer } from '../names/name-servers.js';
import type { Plugin } from './plugin.js';
import type { Services } from './services.js';

/** @returns undefined where the plugin has too many unanswered questions; a promise never rejects */
export function askFamily(
  services: Services,
  plugin: Plugin,
  name: string,
  family: 4 | 6,
): FamilyAnswer | undefined | Promise<FamilyAnswer> {
  if (plugin.questions >= DNS_QUESTIONS) {
    plugin.metrics.limited('dns_rate');
    return undefined;
  }
  const pending = services.names.resolveFamily(name, family);
  if (!(pending instanceof Promise)) return pending;
  plugin.questions += 1;
  const start = performance.now();
  return pending.then((found) => {
    plugin.questions -= 1;
    const { kind } = found;
    const result = kind === 'addresses' || kind === 'nodata' ? 'ok' : kind;
    services.metrics.dnsLookup(result, performance.now() - start);
    return found;
  });
}
