// What only this host's side knows for a decision: its own addresses and postern's listeners. Runs in the broker.
import { networkInterfaces } from 'node:os';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import type { HostContext } from '../../shared/policy/decide.js';
import type { ListenerAddress } from '../../shared/protocol/link.js';

const CACHE_MS = 1000;

/** The host's side of every decision. */
export class HostAddresses {
  readonly #listeners: HostContext['listeners'];
  #context: HostContext;
  #readAt = Number.NEGATIVE_INFINITY;

  /** @throws TypeError for a listener whose address is none */
  constructor(listeners: readonly ListenerAddress[]) {
    this.#listeners = listeners.map(({ address: text, port }) => {
      const address = parseAddress(text);
      if (address === undefined) throw new TypeError(`A listener without an address: "${text}"`);
      return { address, port };
    });
    this.#context = { own: [], listeners: this.#listeners };
    this.context();
  }

  /** Read again when it is older than a second. */
  context(): HostContext {
    const now = performance.now();
    if (now - this.#readAt > CACHE_MS) {
      // Without a descriptor left the list cannot be read (EMFILE): the last one holds until it can.
      try {
        this.#context = { own: ownAddresses(), listeners: this.#listeners };
        this.#readAt = now;
      } catch (error) {
        if (this.#readAt === Number.NEGATIVE_INFINITY) throw error;
      }
    }
    return this.#context;
  }
}

/** Addresses of every interface, lo's too, which may bear public ones; 127/8 and ::1 are loopback to the policy anyway. */
function ownAddresses(): readonly Address[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .map(({ address }) => parseAddress(address.split('%', 1)[0] ?? ''))
    .filter((address) => address !== undefined);
}
