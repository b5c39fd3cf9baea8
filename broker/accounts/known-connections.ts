// The connections of a register, by socket cookie: those that a process holds, and those whose end the kernel has still to report. Runs in the broker.
import { LOOKED_AT_CONNECTIONS } from '../../shared/limits.js';
import type { ConnectionSlot } from './connection-slots.js';
import { type Entry, firstOf } from './noted-slots.js';

export class KnownConnections {
  /** The one with the oldest look comes first. */
  readonly #held = new Map<bigint, ConnectionSlot>();
  /** No process holds them any more. The kernel still delivers their last bytes, and then reports their end. */
  readonly #closing = new Map<bigint, ConnectionSlot>();

  get held(): ReadonlyMap<bigint, ConnectionSlot> {
    return this.#held;
  }

  get size(): number {
    return this.#held.size + this.#closing.size;
  }

  get all(): readonly Entry[] {
    return [...this.#held, ...this.#closing];
  }

  get cookies(): readonly bigint[] {
    return [...this.#held.keys(), ...this.#closing.keys()];
  }

  add(cookie: bigint, slot: ConnectionSlot): void {
    this.#held.set(cookie, slot);
  }

  find(cookie: bigint): ConnectionSlot | undefined {
    return this.#held.get(cookie) ?? this.#closing.get(cookie);
  }

  remove(cookie: bigint): void {
    this.#held.delete(cookie);
    this.#closing.delete(cookie);
  }

  /** Puts a connection last among those like it. */
  sort(cookie: bigint, slot: ConnectionSlot, isHeld: boolean): void {
    this.#held.delete(cookie);
    this.#closing.delete(cookie);
    (isHeld ? this.#held : this.#closing).set(cookie, slot);
  }

  /** Those with the oldest looks, as many as one look may cover. Those that are held come first. */
  oldestLooks(): readonly Entry[] {
    const held = firstOf(this.#held, LOOKED_AT_CONNECTIONS);
    return [...held, ...firstOf(this.#closing, LOOKED_AT_CONNECTIONS - held.length)];
  }
}
