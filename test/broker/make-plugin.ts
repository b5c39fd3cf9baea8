// A plugin of a broker, and what the broker keeps for all of them: without a sandbox, and without a supervisor that answers.

import { DescriptorPool } from '../../broker/limit/descriptor-shares.js';
import { PluginOrders } from '../../broker/limit/plugin-orders.js';
import { HostAddresses } from '../../broker/names/host-addresses.js';
import { HostsFile } from '../../broker/names/hosts-file.js';
import { NameCache } from '../../broker/names/name-cache.js';
import { NameServers } from '../../broker/names/name-servers.js';
import { NameResolver } from '../../broker/names/resolve.js';
import { Audit, EventTally } from '../../broker/record/audit.js';
import { LogRoom } from '../../broker/record/log-gate.js';
import { Metrics } from '../../broker/record/metrics.js';
import { Plugin, type Services } from '../../broker/request/plugin.js';
import { BROKER_DESCRIPTORS } from '../../shared/limits.js';
import { openSocketFile } from '../../shared/sys/open-socket-file.js';

/** @param special what differs. Without it nobody reads the audit events, and no name has an address */
export function makeServices(special: Partial<Services> = {}): Services & Disposable {
  const host = new HostAddresses([]);
  return {
    audit: new Audit(
      { backlogBytes: 0, sendSoon: () => {} },
      () => {},
      new LogRoom(undefined, () => 0),
      new EventTally(),
    ),
    host,
    orders: new PluginOrders(),
    uid: process.getuid?.() ?? 0,
    openSocketFile: (_plugin, path) => openSocketFile(path),
    metrics: new Metrics(),
    plugins: new Map(),
    descriptors: new DescriptorPool(BROKER_DESCRIPTORS),
    // There is no sandbox to wait for.
    slowLane: {
      reach: () => Promise.reject(new Error('Nothing to reach')),
      copyPath: () => Promise.reject(new Error('Nothing to copy')),
      place: () => Promise.reject(new Error('Nothing to place')),
      install: () => Promise.reject(new Error('Nothing to install')),
      connect: () => Promise.reject(new Error('Nothing to connect')),
      stillHeld: () => Promise.reject(new Error('Nothing to look for')),
      close: async (_stall, descriptors) => {
        for (const descriptor of descriptors) descriptor.close();
      },
    },
    guard: { watch: (_, work) => work() },
    names: new NameResolver(new HostsFile('/nonexistent'), new NameCache(new NameServers([]))),
    [Symbol.dispose]: () => host[Symbol.dispose](),
    ...special,
  };
}

export function makePlugin(name: string, services: Services): Plugin {
  const { metrics, audit, descriptors } = services;
  const link = { nextId: () => 0, send: () => {} };
  const plugin = new Plugin(name, metrics, audit, descriptors.share(), () => true, link);
  services.plugins.set(name, plugin);
  return plugin;
}
