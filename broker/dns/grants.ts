// The grants of one sandbox: the names under which its DNS gave it an address. Runs in the broker. A grant allows nothing by itself. It says
// which names' rules may judge a connect to a bare address.
import { GRANTED_ADDRESSES, GRANTS, MIN_GRANT_MS, NAMES_PER_ADDRESS } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import type { GivenName } from '../../shared/protocol/link.js';
import { StandIns } from './stand-ins.js';

/** An address's names, the latest first. A grant past its TTL is stale, and must be checked again. */
export interface GrantedNames {
  readonly fresh: readonly string[];
  readonly stale: readonly string[];
}

const NONE: GrantedNames = { fresh: [], stale: [] };

/** The least recently used addresses and names make room for new ones. */
export class Grants {
  /** Addresses of names that only a proxy resolves. */
  readonly standIns: StandIns = new StandIns();
  readonly #now: () => number;
  /** By address, then by name: the end of the TTL, by the clock. */
  readonly #addresses = new Map<string, Map<string, number>>();
  #count = 0;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
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
    this.#note(address, name, this.#now() + Math.max(ttl * 1000, MIN_GRANT_MS));
  }

  /** @param until by the clock */
  #note(address: Address, name: string, until: number): void {
    const names = this.#use(address.text) ?? new Map<string, number>();
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
    const names = this.#use(address.text);
    if (names === undefined) return NONE;
    const now = this.#now();
    const latest = [...names].reverse();
    return {
      fresh: latest
        .filter(/* protects: G7 a stale grant does not count => () => true */ ([, until]) => until > now)
        .map(([name]) => name),
      stale: latest.filter(([, until]) => until <= now).map(([name]) => name),
    };
  }

  /** All names that were given, the least recently used address first. */
  given(): readonly GivenName[] {
    const now = this.#now();
    const granted = [...this.#addresses].flatMap(([address, names]) =>
      [...names].map(([name, until]) => ({ address, name, freshMs: Math.max(until - now, 0) })),
    );
    return [...this.standIns.given(), ...granted];
  }

  /** Takes over what another broker's DNS has given. Each grant stays fresh for as long as it was. */
  take(given: readonly GivenName[]): void {
    for (const { address: text, name, freshMs } of given) {
      const address = parseAddress(text);
      if (address === undefined) throw new RangeError(`"${text}" is no address`);
      if (freshMs === null) this.standIns.take(name, address);
      else this.#note(address, name, this.#now() + freshMs);
    }
  }

  /** Makes an address the one used last. */
  #use(text: string): Map<string, number> | undefined {
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
