// One place of a register: claimed, then held by a connection, which the plugin gets or not. Runs in the broker.
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import type { ConnectionDescription } from './connection-description.js';
import type { Claim } from './connection-places.js';
import type { ConnectionSlot } from './connection-slots.js';

/** The register, as its places see it. */
interface PlaceOwner {
  /** A claim is over. @returns whether the register is open */
  conclude(): boolean;
  hold(
    slot: ConnectionSlot,
    socket: OwnedFd,
    own: Endpoint,
    peer: Endpoint,
    description: ConnectionDescription,
  ): void;
  settle(slot: ConnectionSlot, cookie: bigint, connected: boolean): void;
  /** @param cookie 0: no connection holds it */
  discard(slot: ConnectionSlot, cookie: bigint): void;
}

export class Place implements Claim {
  readonly granted = true;
  readonly #register: PlaceOwner;
  readonly #slot: ConnectionSlot;
  #claimed = true;
  #cookie = 0n;
  decisionId: string | undefined;

  constructor(register: PlaceOwner, slot: ConnectionSlot) {
    this.#register = register;
    this.#slot = slot;
  }

  hold(socket: OwnedFd, own: Endpoint, peer: Endpoint, description: ConnectionDescription): void {
    this.decisionId = description.decision_id;
    if (!this.#conclude()) return;
    this.#register.hold(this.#slot, socket, own, peer, description);
    this.#cookie = this.#slot.cookie;
  }

  settle(connected: boolean): void {
    if (this.#cookie !== 0n) this.#register.settle(this.#slot, this.#cookie, connected);
  }

  release(): void {
    if (this.#conclude()) this.#register.discard(this.#slot, 0n);
  }

  withdraw(): void {
    this.release();
    if (this.#cookie !== 0n) this.#register.discard(this.#slot, this.#cookie);
  }

  /** @returns whether this was the first time, and the register is open */
  #conclude(): boolean {
    if (!this.#claimed) return false;
    this.#claimed = false;
    return this.#register.conclude();
  }
}
