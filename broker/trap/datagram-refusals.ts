// Refused datagram sockets of one sandbox: each is counted, and one line of the audit log tells of all within a second. Runs in
// the broker.
import type { Address } from '../../shared/policy/address.js';
import type { Audit } from '../audit.js';
import type { Origin } from '../origin.js';
import type { Plugin } from '../plugin.js';

const AGGREGATE_MS = 1000;

interface Pending {
  count: number;
  readonly origin: Origin;
  readonly host: string;
  readonly port: number;
}

export class DatagramRefusals {
  readonly #audit: Audit;
  readonly #plugin: Plugin;
  #pending: Pending | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(audit: Audit, plugin: Plugin) {
    this.#audit = audit;
    this.#plugin = plugin;
  }

  note(address: Address, port: number, origin: () => Origin): void {
    this.#plugin.metrics.decided('deny', 'udp_refused');
    if (this.#pending !== undefined) {
      this.#pending.count += 1;
      return;
    }
    this.#pending = { count: 1, origin: origin(), host: address.text, port };
    this.#timer = setTimeout(() => this.flush(), AGGREGATE_MS).unref();
  }

  /** Writes what has been gathered. */
  flush(): void {
    clearTimeout(this.#timer);
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) return;
    const { count, origin, host, port } = pending;
    const { door, pid, program } = origin;
    this.#audit.datagram({
      plugin: this.#plugin.name,
      pid,
      program,
      door,
      decision: 'deny',
      reason: 'udp_refused',
      count,
      host,
      port,
    });
  }
}
