// Asks DNS servers by c-ares through node:dns. Its sockets are in the event loop; getaddrinfo(3) would hold a thread of libuv's pool. Runs in
// the broker, and trusts no answer.
import { type RecordWithTtl, Resolver } from 'node:dns';
import { statSync } from 'node:fs';
import { DNS_ANSWERS, DNS_TIMEOUT_MS, TRIES, TRY_MS } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';

/** A server's answer for one name and family. `nodata`: the name exists, but has no address of the family. */
export type FamilyAnswer =
  | {
      readonly kind: 'addresses';
      readonly addresses: readonly Address[];
      /** Seconds: the smallest of all records, CNAMEs included. */
      readonly ttl: number;
    }
  | { readonly kind: 'nodata' | 'nxdomain' | 'servfail' | 'timeout' };

/** Answers questions about names. A promise never rejects. An answer without a promise was known already. */
export interface NameSource {
  ask(name: string, family: 4 | 6): FamilyAnswer | Promise<FamilyAnswer>;
}

const RESOLV_CONF = '/etc/resolv.conf';

/** Asks the given servers, or those of /etc/resolv.conf, which is read again when it has changed. */
export class NameServers implements NameSource {
  readonly #servers: readonly string[] | undefined;
  #resolver: Resolver;
  #version = '';

  /** @throws TypeError for a server that is no `ADDRESS` or `ADDRESS:PORT` */
  constructor(servers?: readonly string[]) {
    this.#servers = servers;
    this.#resolver = this.#make();
    this.#version = this.#read();
  }

  /** The name is absolute: c-ares applies no search list to a query. */
  ask(name: string, family: 4 | 6): Promise<FamilyAnswer> {
    this.#renew();
    return new Promise((resolve) => {
      const limit = setTimeout(() => resolve({ kind: 'timeout' }), DNS_TIMEOUT_MS);
      const take = (error: NodeJS.ErrnoException | null, answers?: readonly RecordWithTtl[]): void => {
        clearTimeout(limit);
        resolve(error === null ? readAnswers(answers ?? []) : { kind: failureKind(error.code) });
      };
      if (family === 4) this.#resolver.resolve4(name, { ttl: true }, take);
      else this.#resolver.resolve6(name, { ttl: true }, take);
    });
  }

  #make(): Resolver {
    // c-ares shortens a try to the time that a server took before. DNS_TIMEOUT_MS bounds all tries together.
    const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
    if (this.#servers !== undefined) resolver.setServers(this.#servers);
    return resolver;
  }

  /** Questions in flight keep their resolver. */
  #renew(): void {
    const version = this.#read();
    if (version === this.#version) return;
    this.#version = version;
    this.#resolver = this.#make();
  }

  #read(): string {
    if (this.#servers !== undefined) return '';
    const stats = statSync(RESOLV_CONF, { throwIfNoEntry: false });
    return stats === undefined ? '' : `${stats.mtimeMs} ${stats.size} ${stats.ino}`;
  }
}

function readAnswers(answers: readonly RecordWithTtl[]): FamilyAnswer {
  const looked = answers.slice(0, DNS_ANSWERS);
  const addresses = looked
    .map(({ address }) => parseAddress(address))
    .filter((address) => address !== undefined);
  if (addresses.length === 0) return { kind: 'nodata' };
  return { kind: 'addresses', addresses, ttl: Math.min(...looked.map(({ ttl }) => ttl)) };
}

/** c-ares's codes, ares_query(3). */
function failureKind(code: string | undefined): Exclude<FamilyAnswer['kind'], 'addresses'> {
  if (code === 'ENOTFOUND') return 'nxdomain';
  if (code === 'ENODATA') return 'nodata';
  return code === 'ETIMEOUT' ? 'timeout' : 'servfail';
}
