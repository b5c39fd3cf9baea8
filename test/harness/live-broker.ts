// A broker as the supervisor starts it, without a sandbox: the test holds the plugins' ends of the channels.

import { readdirSync, readFileSync } from 'node:fs';
import { DEFAULT_BASE } from '../../sandbox/host/id-range.js';
import { ownPrivileges } from '../../sandbox/host/privileges.js';
import { Channel } from '../../sandbox/plugin/channel.js';
import { BrokerProcess } from '../../sandbox/supervisor/broker/broker-process.js';
import { limitsOf } from '../../shared/config/limit-forms.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { AuditLine } from './audit-line.js';

export interface LiveBroker {
  readonly process: BrokerProcess;
  readonly events: readonly AuditLine[];
  /** A plugin with these rules. */
  readonly addPlugin: (
    name: string,
    allow: readonly string[],
    limits?: Partial<PluginConfig['limits']>,
  ) => Promise<void>;
  /** The client library on a new channel of a plugin. */
  readonly client: (name: string) => Channel;
  readonly descriptors: () => number;
  /** Resident set, in KiB. */
  readonly residentKib: () => number;
  /** The largest that it was, in KiB. */
  readonly peakKib: () => number;
}

/** @param keep how many of the latest audit events to keep */
export async function startLiveBroker(keep = 1000): Promise<LiveBroker> {
  const broker = new BrokerProcess({
    listeners: [],
    privileges: ownPrivileges(),
    becomeIds: process.geteuid?.() === 0 ? { uid: DEFAULT_BASE, gid: DEFAULT_BASE } : undefined,
  });
  const events: AuditLine[] = [];
  broker.on('audit', (event) => {
    events.push(event);
    if (events.length > keep) events.shift();
  });
  await broker.start();
  const kib = (name: string): number => {
    const status = readFileSync(`/proc/${broker.pid}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  };
  return {
    process: broker,
    events,
    addPlugin: (plugin, allow, limits = {}) =>
      broker.setRules({
        type: 'plugin',
        plugin,
        allow,
        deny: [],
        mode: 'enforce',
        limits: {
          ...limitsOf({}),
          requestsPerSecond: 1_000_000,
          logLinesPerSecond: 1_000_000,
          ...limits,
        },
      }),
    client: (plugin) => {
      const ends = broker.openChannel(plugin);
      return new Channel({ request: ends.request, reply: ends.reply });
    },
    descriptors: () => readdirSync(`/proc/${broker.pid}/fd`).length,
    residentKib: () => kib('VmRSS'),
    peakKib: () => kib('VmHWM'),
  };
}
