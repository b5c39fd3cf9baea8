// A program that looks for a service of the host at 127.0.0.1 finds the sandbox's own loopback, where nothing listens. The audit log says so
// once for each destination, unless something listens there soon: a program may wait for its own server. Runs in the broker.
import type { Address } from '../../shared/policy/address.js';
import { quoteDestination } from '../../shared/policy/make-decision.js';
import { suggestAddress } from '../../shared/policy/suggest-rule.js';
import type { Audit } from '../record/audit.js';
import type { Origin } from '../record/origin.js';
import type { Plugin } from '../request/plugin.js';

const WAIT_MS = 2000;
/** Bounds the hints of a sandbox that scans its own loopback. */
const MOST = 32;

interface Pending {
  readonly address: Address;
  readonly port: number;
  readonly origin: Origin;
  readonly timer: NodeJS.Timeout;
}

export class LoopbackHints {
  readonly #audit: Audit;
  readonly #plugin: Plugin;
  readonly #pending = new Map<string, Pending>();
  readonly #hinted = new Set<string>();

  constructor(audit: Audit, plugin: Plugin) {
    this.#audit = audit;
    this.#plugin = plugin;
  }

  /** A connect found no listener. */
  refused(address: Address, port: number, origin: () => Origin): void {
    const place = suggestAddress(address, port);
    if (this.#hinted.has(place) || this.#hinted.size >= MOST) return;
    this.#hinted.add(place);
    const timer = setTimeout(() => this.#write(place), WAIT_MS).unref();
    this.#pending.set(place, { address, port, origin: origin(), timer });
  }

  /** A connect found a listener. */
  connected(address: Address, port: number): void {
    if (this.#pending.size === 0) return;
    const place = suggestAddress(address, port);
    clearTimeout(this.#pending.get(place)?.timer);
    this.#pending.delete(place);
  }

  /** Writes the hints that wait. */
  flush(): void {
    for (const place of [...this.#pending.keys()]) this.#write(place);
  }

  #write(place: string): void {
    const pending = this.#pending.get(place);
    if (pending === undefined) return;
    this.#pending.delete(place);
    clearTimeout(pending.timer);
    const { address, port, origin } = pending;
    const { door, pid, program } = origin;
    const where = quoteDestination(address.text, port);
    this.#audit.loopback({
      ...{ plugin: this.#plugin.name, pid, program, door, host: address.text, port },
      message: `Nothing listens at ${where} inside the sandbox: its loopback is not the host's`,
      suggestion: place,
    });
  }
}
