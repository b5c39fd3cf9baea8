// What only this host's side knows for a decision: its own addresses and postern's listeners. Runs in the broker.
import { parseAddress } from '../../shared/policy/address.js';
import type { HostContext } from '../../shared/policy/decide.js';
import { OwnAddresses } from '../../shared/policy/own-addresses.js';
import type { ListenerAddress } from '../../shared/protocol/link.js';
import { LocalAddresses } from '../../shared/sys/local-addresses.js';
import { SystemError } from '../../shared/sys/system-error.js';

/** The host's side of every decision. */
export class HostAddresses implements Disposable {
  readonly #listeners: HostContext['listeners'];
  readonly #local = new LocalAddresses();
  #context: HostContext;
  #changed = false;

  /** @throws TypeError for a listener whose address is none; SystemError where the kernel does not list its addresses */
  constructor(listeners: readonly ListenerAddress[]) {
    this.#listeners = listeners.map(({ address: text, port }) => {
      const address = parseAddress(text);
      if (address === undefined) throw new TypeError(`A listener without an address: "${text}"`);
      return { address, port };
    });
    this.#context = this.#read();
  }

  /** Read anew where an address or a route has changed; then the last one no longer holds. */
  context(): HostContext {
    this.#changed = this.#local.takeChanged() || this.#changed;
    if (this.#changed) {
      // Where the kernel gives no list (ENOBUFS), the last one holds until it does.
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
