// Resolves names: localhost and /etc/hosts locally, all others by DNS. Runs in the broker. Only names that a rule allows come here.
import { DNS_ANSWERS, LOCAL_TTL_S } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import { isLocalhost } from '../../shared/policy/parse-host.js';
import type { DnsResult } from '../../shared/words.js';
import type { HostsFile } from './hosts-file.js';
import type { Asked, FamilyAnswer, NameSource, SocketHolder } from './name-servers.js';

/** RFC 8305: Resolution Delay. */
const RESOLUTION_DELAY_MS = 50;

/** `asked`: whether a server was. `addresses`: in the order to dial, empty unless `result` is ok. */
export interface Resolution {
  readonly result: Exclude<DnsResult, 'refused'>;
  readonly addresses: readonly Address[];
  readonly asked: boolean;
}

const LOOPBACK: readonly Address[] = ['::1', '127.0.0.1']
  .map(parseAddress)
  .filter((address) => address !== undefined);

/** Resolves names; equal questions in flight are one. */
export class NameResolver {
  readonly #hosts: HostsFile;
  readonly #servers: NameSource;
  readonly #inFlight = new Map<string, Promise<Resolution>>();

  constructor(hosts: HostsFile, servers: NameSource) {
    this.#hosts = hosts;
    this.#servers = servers;
  }

  /** Who is asked for names that are not known here. */
  get servers(): readonly string[] {
    return this.#servers.servers;
  }

  /**
   * @param name canonical: lower-case, no trailing dot; asked as absolute
   * @param holder holds the sockets of a new question
   * @returns undefined: the holder has no room for those of both families. At once if no server has to be asked. A promise never rejects, and settles within DNS_TIMEOUT_MS, even if its
   *   request has ended: others may wait for it
   */
  resolve(name: string, holder: SocketHolder): Resolution | Promise<Resolution> | undefined {
    const local = this.#lookUp(name);
    if (local !== undefined)
      return { result: 'ok', addresses: interleaveFamilies(local.slice(0, DNS_ANSWERS)), asked: false };
    const joined = this.#inFlight.get(name);
    if (joined !== undefined) return joined;
    const four = this.#servers.ask(name, 4, holder);
    const six = this.#servers.ask(name, 6, holder);
    // The answer for one family is kept: the next request asks for the other one.
    if (four === undefined || six === undefined) return undefined;
    if (!(four instanceof Promise) && !(six instanceof Promise)) return mergeFamilies(four, six, false);
    const question = this.#await(four, six).finally(() => this.#inFlight.delete(name));
    this.#inFlight.set(name, question);
    return question;
  }

  /**
   * Resolves the addresses of one family, for a DNS question.
   *
   * @param name canonical, as for {@link resolve}
   * @returns as {@link resolve} does
   */
  resolveFamily(name: string, family: 4 | 6, holder: SocketHolder): Asked {
    const local = this.#lookUp(name)?.filter((address) => address.family === family);
    if (local === undefined) return this.#servers.ask(name, family, holder);
    if (local.length === 0) return { kind: 'nodata' };
    return { kind: 'addresses', addresses: local.slice(0, DNS_ANSWERS), ttl: LOCAL_TTL_S };
  }

  /** The addresses that a name has, as far as that is known without a question to a server. */
  known(name: string): readonly Address[] {
    const kept = (family: 4 | 6): readonly Address[] => {
      const answer = this.#servers.kept?.(name, family);
      return answer === undefined ? [] : addressesOf(answer);
    };
    return this.#lookUp(name) ?? [...kept(4), ...kept(6)];
  }

  /** Whether no server has to be asked for a name. */
  knows(name: string): boolean {
    return this.#lookUp(name) !== undefined;
  }

  /** Without a server. */
  #lookUp(name: string): readonly Address[] | undefined {
    return isLocalhost(name) ? LOOPBACK : this.#hosts.lookup(name);
  }

  /**
   * Waits for both families. Once IPv4 is there, IPv6 gets the Resolution Delay of RFC 8305 section 3. IPv4 is always waited for: the
   * addresses are judged as one list, and a host without an IPv6 route needs IPv4.
   */
  async #await(
    four: FamilyAnswer | Promise<FamilyAnswer>,
    six: FamilyAnswer | Promise<FamilyAnswer>,
  ): Promise<Resolution> {
    const v4 = await four;
    const wait = v4.kind === 'addresses' && six instanceof Promise;
    return mergeFamilies(v4, wait ? await withinDelay(six) : await six, true);
  }
}

function mergeFamilies(v4: FamilyAnswer, v6: FamilyAnswer, asked: boolean): Resolution {
  const addresses = interleaveFamilies([...addressesOf(v6), ...addressesOf(v4)]);
  return { result: addresses.length > 0 ? 'ok' : failure(v4, v6), addresses, asked };
}

function withinDelay(answer: Promise<FamilyAnswer>): Promise<FamilyAnswer> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ kind: 'nodata' }), RESOLUTION_DELAY_MS);
    void answer.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

function addressesOf(answer: FamilyAnswer): readonly Address[] {
  return answer.kind === 'addresses' ? answer.addresses : [];
}

/** A family without addresses says nothing about the other, so a failure of either counts. */
function failure(v4: FamilyAnswer, v6: FamilyAnswer): 'nxdomain' | 'servfail' | 'timeout' {
  const kinds = [v4.kind, v6.kind];
  if (kinds.includes('timeout')) return 'timeout';
  return kinds.includes('servfail') ? 'servfail' : 'nxdomain';
}

// The order to dial in, RFC 8305 section 4.

/** Alternates the families, IPv6 first. Each family keeps its order. */
export function interleaveFamilies(addresses: readonly Address[]): readonly Address[] {
  const first = addresses[0];
  if (first === undefined || addresses.every(({ family }) => family === first.family)) return addresses;
  const v6 = addresses.filter(({ family }) => family === 6);
  const v4 = addresses.filter(({ family }) => family === 4);
  const order: Address[] = [];
  for (let index = 0; order.length < addresses.length; index += 1) {
    const [six, four] = [v6[index], v4[index]];
    if (six !== undefined) order.push(six);
    if (four !== undefined) order.push(four);
  }
  return order;
}
