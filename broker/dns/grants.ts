// The grants of one sandbox: the names under which its DNS gave it an address. Runs in the broker. A grant allows nothing by itself. It says
// which names' rules may judge a connect to a bare address.
import { BoundedMap } from '../../shared/bounded-map.js';
import { GATEWAY_ADDRESSES } from '../../shared/gateway.js';
import {
  GRANTED_ADDRESSES,
  GRANTS,
  MIN_GRANT_MS,
  NAMES_PER_ADDRESS,
  STAND_INS,
} from '../../shared/limits.js';
import { type Address, addressFromBytes, parseAddress } from '../../shared/policy/address.js';
import type { GivenName } from '../../shared/protocol/link.js';

/** An address's names, the latest first. A grant past its TTL is stale, and must be checked again. */
interface GrantedNames {
  readonly fresh: readonly string[];
  readonly stale: readonly string[];
}

const NONE: GrantedNames = { fresh: [], stale: [] };

/** The least recently used addresses and names make room for new ones. */
export class Grants {
  /** Addresses of names that only a proxy resolves. */
  readonly standIns: StandIns = new StandIns();
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Changes with each grant. */
  version = 0;
  /** By address, then by name: the end of the TTL, by the clock. */
  readonly #addresses = new Map<string, Map<string, number>>();
  #count = 0;

  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** How many pairs of address and name there are. */
  get size(): number {
    return this.#count;
  }

  /**
   * Notes that the sandbox got an address for a name.
   *
   * @param name canonical
   * @param ttl the answer's, in seconds; the grant is fresh for MIN_GRANT_MS at least
   */
  add(address: Address, name: string, ttl: number): void {
    this.#note(address, name, this.now() + Math.max(ttl * 1000, MIN_GRANT_MS));
  }

  /** @param until by the clock */
  #note(address: Address, name: string, until: number): void {
    this.version += 1;
    const names = this.use(address.text) ?? new Map<string, number>();
    this.#addresses.set(address.text, names);
    const before = names.get(name) ?? 0;
    if (!names.delete(name)) this.#count += 1;
    names.set(name, Math.max(before, until));
    if (names.size > NAMES_PER_ADDRESS) {
      const [oldest] = names.keys();
      if (oldest !== undefined && names.delete(oldest)) this.#count -= 1;
    }
    while (this.#addresses.size > GRANTED_ADDRESSES || this.#count > GRANTS) this.#dropOldest();
  }

  /** The names of an address. */
  namesOf(address: Address): GrantedNames {
    const names = this.use(address.text);
    if (names === undefined) return NONE;
    const now = this.now();
    const latest = [...names].reverse();
    return {
      fresh: latest
        .filter(/* protects: G7 a stale grant does not count => () => true */ ([, until]) => until > now)
        .map(([name]) => name),
      stale: latest.filter(([, until]) => until <= now).map(([name]) => name),
    };
  }

  /** Until when namesOf() says the same, if nothing is added. */
  sameUntil({ text }: Address): number {
    const now = this.now();
    return Math.min(...[...(this.#addresses.get(text)?.values() ?? [])].filter((until) => until > now));
  }

  /** All names that were given, the least recently used address first. */
  given(): readonly GivenName[] {
    const granted = [...this.#addresses].flatMap(([address, names]) =>
      [...names.keys()].map((name) => ({ address, name, standsFor: false })),
    );
    return [...this.standIns.given(), ...granted];
  }

  /** Takes over what another broker's DNS has given, it says. So each grant is stale: DNS must confirm it before it counts. */
  take(given: readonly GivenName[]): void {
    for (const { address: text, name, standsFor } of given) {
      const address = parseAddress(text);
      if (address === undefined) throw new RangeError(`"${text}" is no address`);
      if (standsFor) {
        this.standIns.take(name, address);
        continue;
      }
      // protects: G7 what a former broker says that its DNS gave is stale => this.#note(address, name, this.now() + MIN_GRANT_MS);
      this.#note(address, name, Number.NEGATIVE_INFINITY);
    }
  }

  /** Makes an address the one used last. */
  use(text: string): Map<string, number> | undefined {
    const names = this.#addresses.get(text);
    if (names === undefined) return undefined;
    this.#addresses.delete(text);
    this.#addresses.set(text, names);
    return names;
  }

  #dropOldest(): void {
    const [oldest] = this.#addresses;
    if (oldest === undefined) return;
    this.#addresses.delete(oldest[0]);
    this.#count -= oldest[1].size;
  }
}

// Addresses that stand for names which only a proxy resolves. A sandbox's DNS answers with them, and a connect to one of them means its name.
// They are of 198.18.0.0/15, RFC 2544, which no network routes; nothing dials them.

const FIRST = 0xc6120000;
/** Without those of gateways, which are the last. */
const COUNT = 2 ** 17 - (GATEWAY_ADDRESSES + 2);

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
    return [...this.#addresses].map(([name, address]) => ({ address: address.text, name, standsFor: true }));
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
