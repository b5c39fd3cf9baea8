// The host's part of every decision: its own addresses and postern's listeners. Runs in the broker.
import { parseAddress } from '../../shared/policy/address.js';
import { type HostContext, OwnAddresses } from '../../shared/policy/host-block.js';
import type { ListenerAddress } from '../../shared/protocol/link.js';
import { SystemError } from '../../shared/sys/libc.js';
import { LocalAddresses } from '../../shared/sys/local-addresses.js';

export class HostAddresses implements Disposable {
  readonly #listeners: HostContext['listeners'];
  readonly #local = new LocalAddresses();
  #context: HostContext;
  #changed = false;

  /** @throws TypeError for a listener without a valid address; SystemError if the kernel does not list its addresses */
  constructor(listeners: readonly ListenerAddress[]) {
    this.#listeners = listeners.map(({ address: text, port }) => {
      const address = parseAddress(text);
      if (address === undefined) throw new TypeError(`A listener without an address: "${text}"`);
      return { address, port };
    });
    this.#context = this.#read();
  }

  /** @returns a new context if an address or a route has changed: every verdict on the former one is void then */
  context(): HostContext {
    this.#changed =
      /* protects: G7 a new address counts at once */ this.#local.takeChanged() || this.#changed;
    if (this.#changed) {
      // If the kernel gives no list (ENOBUFS), the last one holds until it does.
      try {
        this.#context = this.#read();
        this.#changed = false;
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
      }
    }
    return this.#context;
  }

  #read(): HostContext {
    const prefixes = this.#local.read().map(({ bytes, length }) => ({
      family: bytes.length === 4 ? (4 as const) : (6 as const),
      bytes,
      length,
    }));
    return { own: new OwnAddresses(prefixes), listeners: this.#listeners };
  }

  [Symbol.dispose](): void {
    this.#local[Symbol.dispose]();
  }
}
