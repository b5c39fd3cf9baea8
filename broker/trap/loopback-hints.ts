// A program that looks for a service of the host's at 127.0.0.1 finds the sandbox's own loopback, and nobody there. Says so once a
// destination, unless somebody listens there soon: a program that waits for a server of its own needs no advice. Runs in the broker.
import type { Address } from '../../shared/policy/address.js';
import { quoteDestination } from '../../shared/policy/make-decision.js';
import { suggestAddress } from '../../shared/policy/suggest-rule.js';
import type { Audit } from '../record/audit.js';
import type { Origin } from '../record/origin.js';
import type { Plugin } from '../request/plugin.js';

const WAIT_MS = 2000;
/** Destinations that a sandbox is told of; a scan of its own loopback says no more. */
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
  readonly #told = new Set<string>();

  constructor(audit: Audit, plugin: Plugin) {
    this.#audit = audit;
    this.#plugin = plugin;
  }

  /** Nobody listened there. */
  refused(address: Address, port: number, origin: () => Origin): void {
    const place = suggestAddress(address, port);
    if (this.#told.has(place) || this.#told.size >= MOST) return;
    this.#told.add(place);
    const timer = setTimeout(() => this.#tell(place), WAIT_MS).unref();
    this.#pending.set(place, { address, port, origin: origin(), timer });
  }

  /** Somebody does. */
  connected(address: Address, port: number): void {
    if (this.#pending.size === 0) return;
    const place = suggestAddress(address, port);
    clearTimeout(this.#pending.get(place)?.timer);
    this.#pending.delete(place);
  }

  /** Tells what waits to be told. */
  flush(): void {
    for (const place of [...this.#pending.keys()]) this.#tell(place);
  }

  #tell(place: string): void {
    const pending = this.#pending.get(place);
    if (pending === undefined) return;
    this.#pending.delete(place);
    clearTimeout(pending.timer);
    const { address, port, origin } = pending;
    const { door, pid, program } = origin;
    const where = quoteDestination(address.text, port);
    this.#audit.loopback({
      ...{ plugin: this.#plugin.name, pid, program, door, host: address.text, port },
      message: `Nobody listens at ${where} inside the sandbox, whose loopback is its own and not the host's`,
      suggestion: place,
    });
  }
}
