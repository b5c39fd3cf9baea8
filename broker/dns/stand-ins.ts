// Addresses that stand for names which only a proxy resolves. A sandbox's DNS answers with them, and a connect to one of them means its name.
// Runs in the broker. They are of 198.18.0.0/15, RFC 2544, which no network routes; nothing dials them.
import { BoundedMap } from '../../shared/bounded-map.js';
import { STAND_INS } from '../../shared/limits.js';
import { type Address, addressFromBytes } from '../../shared/policy/address.js';
import type { GivenName } from '../../shared/protocol/link.js';

const FIRST = 0xc6120000;
const COUNT = 2 ** 17;

/** Of one sandbox. The name that was used least recently makes room. */
export class StandIns {
  readonly #addresses = new BoundedMap<string, Address>(STAND_INS);
  /** By the text of the address. */
  readonly #names = new Map<string, string>();
  /** An address comes again after all others, so that what a program remembers means no other name soon. */
  #last = 0;

  /** The same for the same name, while it is remembered. */
  addressOf(name: string): Address {
    const address = this.#addresses.get(name) ?? this.#next();
    this.#remember(name, address);
    return address;
  }

  /** All of them, the least recently used first. */
  given(): readonly GivenName[] {
    return [...this.#addresses].map(([name, address]) => ({ address: address.text, name, freshMs: null }));
  }

  /** Takes one over from another broker. New names get other addresses. */
  take(name: string, address: Address): void {
    const number = numberOf(address);
    if (number === undefined) return;
    this.#remember(name, address);
    this.#last = Math.max(this.#last, number);
  }

  #remember(name: string, address: Address): void {
    const made = this.#addresses.set(name, address);
    if (made !== undefined) this.#names.delete(made[1].text);
    this.#names.set(address.text, name);
  }

  nameOf({ text }: Address): string | undefined {
    return this.#names.get(text);
  }

  #next(): Address {
    for (;;) {
      this.#last = (this.#last % (COUNT - 2)) + 1;
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, FIRST + this.#last);
      const address = addressFromBytes(bytes);
      if (!this.#names.has(address.text)) return address;
    }
  }
}

/** @returns undefined for an address that stands for no name */
function numberOf({ family, bytes }: Address): number | undefined {
  if (family !== 4) return undefined;
  const number = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0) - FIRST;
  return number > 0 && number < COUNT ? number : undefined;
}
