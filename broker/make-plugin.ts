// A plugin of the broker, with what ends its connections. Runs in the broker.
import type { BrokerLine } from '../shared/protocol/link.js';
import { Plugin } from './request/plugin.js';
import type { Services } from './request/services.js';
import { AgeLimit } from './revoke/age-limit.js';
import { Quota } from './revoke/quota.js';
import { Revocation } from './revoke/revocation.js';

/** @param hasNeighbours whether the broker serves other plugins @param link carries questions to the supervisor */
export function makePlugin(
  name: string,
  services: Services,
  hasNeighbours: () => boolean,
  link: { readonly nextId: () => number; readonly send: (line: BrokerLine) => void },
): Plugin {
  const { metrics, audit, descriptors } = services;
  const plugin = new Plugin(name, metrics, audit, descriptors.share(), hasNeighbours, link);
  const revocation = new Revocation(services, plugin);
  plugin.revokeConnections = () => revocation.begin();
  const quota = new Quota(services, plugin);
  const age = new AgeLimit(services, plugin);
  plugin.boundConnections = () => {
    quota.begin();
    age.begin();
  };
  return plugin;
}
