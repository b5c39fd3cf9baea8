// Refused datagram sockets: each is counted, and one line of the audit log tells of all within a second. Runs in the broker.
import type { Address } from '../../shared/policy/address.js';
import type { TrapContext } from './trap-context.js';

const AGGREGATE_MS = 1000;

interface Pending {
  count: number;
  readonly host: string;
  readonly port: number;
}

const pending = new Map<string, Pending>();

export function noteUdp({ plugin, services }: TrapContext, address: Address, port: number): void {
  plugin.metrics.decided('deny', 'udp_refused');
  const known = pending.get(plugin.name);
  if (known !== undefined) {
    known.count += 1;
    return;
  }
  const first: Pending = { count: 1, host: address.text, port };
  pending.set(plugin.name, first);
  setTimeout(() => {
    pending.delete(plugin.name);
    services.audit.datagram({
      plugin: plugin.name,
      door: 'trap',
      decision: 'deny',
      reason: 'udp_refused',
      ...first,
    });
  }, AGGREGATE_MS).unref();
}
