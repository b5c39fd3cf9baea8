// What the audit log says of refusals that come in crowds: one line for all of a kind, or one for each destination. Runs in the broker.
import type { Address } from '../../shared/policy/address.js';
import { quoteDestination } from '../../shared/policy/decision.js';
import { suggestAddress } from '../../shared/policy/format-rule.js';
import type { WhollyTrapped } from '../../shared/trap-calls.js';
import type { TrappedAddress } from '../caller/caller-memory.js';
import type { Audit, Origin } from '../record/audit.js';
import type { Plugin } from '../request/plugin.js';

// Refusals in one sandbox that no rule can change: UDP to the outside, and calls on sockets of the host's network. Each is counted. The
// audit log gets one line for all of a kind within a second.

const AGGREGATE_MS = 1000;
const REASONS = { datagram: 'udp_refused', foreign: 'foreign_netns' } as const;

/** UDP to the outside, or a call on a socket that was handed over or inherited. */
type Kind = keyof typeof REASONS;

interface Pending {
  count: number;
  readonly kind: Kind;
  readonly call: WhollyTrapped;
  readonly origin: Origin;
  readonly address: TrappedAddress | undefined;
}

export class SocketRefusals {
  readonly #audit: Audit;
  readonly #plugin: Plugin;
  readonly #pending = new Map<string, Pending>();
  #timer: NodeJS.Timeout | undefined;

  constructor(audit: Audit, plugin: Plugin) {
    this.#audit = audit;
    this.#plugin = plugin;
  }

  /** @param address the call's; listen(2) has none */
  note(kind: Kind, call: WhollyTrapped, address: TrappedAddress | undefined, origin: () => Origin): void {
    this.#plugin.metrics.count('decisions', { decision: 'deny', reason: REASONS[kind] });
    const key = `${kind} ${call}`;
    const pending = this.#pending.get(key);
    if (pending !== undefined) {
      pending.count += 1;
      return;
    }
    this.#pending.set(key, { count: 1, kind, call, origin: origin(), address });
    this.#timer ??= setTimeout(() => this.#flushWithRoom(), AGGREGATE_MS).unref();
  }

  /** While the log has no room, the lines go on to gather. */
  #flushWithRoom(): void {
    if (
      /* protects: G8 full log: refusals that gather in the log go on to gather => true */ this.#plugin.gate
        .isOpen
    )
      this.flush();
    else this.#plugin.gate.whenOpen(this.flush);
  }

  /** Writes the lines that wait. */
  readonly flush = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const pending of this.#pending.values()) this.#write(pending);
    this.#pending.clear();
  };

  #write({ kind, call, count, origin, address }: Pending): void {
    const { door, pid, program } = origin;
    const inet = address?.kind === 'inet' ? address : undefined;
    const place = { host: inet?.address.text ?? null, port: inet?.port ?? null };
    const about = {
      plugin: this.#plugin.name,
      pid,
      program,
      door,
      decision: 'deny',
      count,
      ...place,
    } as const;
    const to =
      place.host === null || place.port === null ? '' : ` to ${quoteDestination(place.host, place.port)}`;
    if (kind === 'datagram')
      this.#audit.datagram({
        ...about,
        reason: REASONS[kind],
        message: `Cannot send UDP${to}: only TCP leaves the sandbox`,
      });
    else
      this.#audit.socket({
        ...about,
        reason: REASONS[kind],
        call,
        message: `Cannot ${call}${to}: the socket belongs to the host's network, and keeps its peer or its address`,
      });
  }
}

// A program that looks for a service of the host at 127.0.0.1 finds the sandbox's own loopback, where nothing listens. The audit log says so
// once for each destination, unless something listens there soon: a program may wait for its own server.

const WAIT_MS = 2000;
/** Bounds the hints of a sandbox that scans its own loopback. */
const MOST = 32;

interface PendingHint {
  readonly address: Address;
  readonly port: number;
  readonly origin: Origin;
  readonly timer: NodeJS.Timeout;
}

export class LoopbackHints {
  readonly #audit: Audit;
  readonly #plugin: Plugin;
  readonly #pending = new Map<string, PendingHint>();
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
