// One question to the resolver, counted for the plugin that asks and in the metrics of DNS. Runs in the broker.
import type { FamilyAnswer } from '../names/name-servers.js';
import { countLookup } from '../record/count-lookup.js';
import type { Plugin } from './plugin.js';
import type { Services } from './services.js';

/** @returns undefined where the plugin has too many unanswered questions, or no room for the sockets of one more; a promise never rejects */
export function askFamily(
  services: Services,
  plugin: Plugin,
  name: string,
  family: 4 | 6,
): FamilyAnswer | undefined | Promise<FamilyAnswer> {
  if (!plugin.questions.admit()) return undefined;
  const pending = (plugin.names ?? services.names).resolveFamily(name, family, plugin.descriptors);
  if (pending === undefined) plugin.metrics.count('limitRejections', { limit: 'descriptors' });
  return pending instanceof Promise ? awaitAnswer(services, plugin.questions.track(pending)) : pending;
}

async function awaitAnswer({ metrics }: Services, pending: Promise<FamilyAnswer>): Promise<FamilyAnswer> {
  const start = performance.now();
  const found = await pending;
  const { kind } = found;
  countLookup(metrics, kind === 'addresses' || kind === 'nodata' ? 'ok' : kind, performance.now() - start);
  return found;
}
