// One place of a register: claimed, then held by a connection, then described or given back. Runs in the broker.
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import type { ConnectionDescription } from './connection-description.js';
import type { Claim } from './connection-places.js';
import type { ConnectionSlot } from './connection-slots.js';

/** The register, as its places see it. */
interface PlaceOwner {
  /** A claim is over. @returns whether the register is open */
  settle(): boolean;
  hold(slot: ConnectionSlot, socket: OwnedFd, own: Endpoint, peer: Endpoint): void;
  describe(slot: ConnectionSlot, cookie: bigint, description: ConnectionDescription): void;
  /** @param cookie 0: no connection holds it */
  discard(slot: ConnectionSlot, cookie: bigint): void;
}

export class Place implements Claim {
  readonly granted = true;
  readonly #register: PlaceOwner;
  readonly #slot: ConnectionSlot;
  #claimed = true;
  #cookie = 0n;

  constructor(register: PlaceOwner, slot: ConnectionSlot) {
    this.#register = register;
    this.#slot = slot;
  }

  hold(socket: OwnedFd, own: Endpoint, peer: Endpoint): void {
    if (!this.#settle()) return;
    this.#register.hold(this.#slot, socket, own, peer);
    this.#cookie = this.#slot.cookie;
  }

  describe(description: ConnectionDescription): void {
    if (this.#cookie !== 0n) this.#register.describe(this.#slot, this.#cookie, description);
  }

  release(): void {
    if (this.#settle()) this.#register.discard(this.#slot, 0n);
  }

  withdraw(): void {
    this.release();
    if (this.#cookie !== 0n) this.#register.discard(this.#slot, this.#cookie);
  }

  /** @returns whether this was the first time, and the register is open */
  #settle(): boolean {
    if (!this.#claimed) return false;
    this.#claimed = false;
    return this.#register.settle();
  }
}
