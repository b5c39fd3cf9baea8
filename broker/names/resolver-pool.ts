// c-ares resolvers that ask nothing now. Each serves one question at a time: so a question can be given up alone, it has its own source port,
// which an attacker must guess, and its sockets are known. Runs in the broker.
import { Resolver } from 'node:dns';
import { isIPv4 } from 'node:net';
import { IDLE_RESOLVERS, TRIES, TRY_MS } from '../../shared/limits.js';

/** Resolvers for one list of servers. */
export class ResolverPool {
  readonly #servers: readonly string[];
  readonly #from: readonly string[];
  /** The last one that was used is the next: it remembers best which server did not answer. */
  readonly #idle: Resolver[] = [];

  /**
   * @param from addresses that the questions leave from, one of each family at most
   * @throws TypeError for a server that is no `ADDRESS` or `ADDRESS:PORT`
   */
  constructor(servers: readonly string[], from: readonly string[]) {
    this.#from = from;
    this.#servers = servers;
    this.giveBack(this.take());
  }

  take(): Resolver {
    return (
      /* protects: G8 DNS questions at the same time have different source ports => this.#idle[0] */ this.#idle.pop() ??
      this.#make()
    );
  }

  /** Gives up what the resolver still asks, and so closes its sockets: c-ares keeps none without a question. */
  giveBack(resolver: Resolver): void {
    // protects: G8 no socket outlives the DNS question that it was made for
    resolver.cancel();
    if (this.#idle.length < IDLE_RESOLVERS) this.#idle.push(resolver);
  }

  #make(): Resolver {
    // c-ares shortens a try to the time that a server took before. DNS_TIMEOUT_MS bounds all tries together.
    const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
    resolver.setServers(this.#servers);
    leaveFrom(resolver, this.#from);
    return resolver;
  }
}

/** A family without an address of its own asks from any. */
export function leaveFrom(resolver: Resolver, from: readonly string[]): void {
  const four = from.find((address) => isIPv4(address));
  const six = from.find((address) => !isIPv4(address));
  if (four !== undefined || six !== undefined) resolver.setLocalAddress(four ?? '0.0.0.0', six ?? '::0');
}
