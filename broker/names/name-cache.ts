// Keeps the servers' answers for their TTL, one cache for each set of servers. Runs in the broker.
import { BoundedMap } from '../../shared/bounded-map.js';
import {
  CACHED_ANSWERS,
  FAILURE_TTL_S,
  MAX_TTL_S,
  MIN_TTL_S,
  NO_DATA_TTL_S,
  NO_NAME_TTL_S,
} from '../../shared/limits.js';
import type { HostsFile } from './hosts-file.js';
import {
  type Asked,
  type FamilyAnswer,
  NameServers,
  type NameSource,
  type SocketHolder,
} from './name-servers.js';
import { NameResolver } from './resolve.js';

// Keeps the servers' answers for their TTL. The channel's connects and the sandboxes' DNS share one cache, so that both agree. Every plugin
// shares it too: it decides nothing.

const LIFE_S: Readonly<Record<Exclude<FamilyAnswer['kind'], 'addresses'>, number>> = {
  nodata: NO_DATA_TTL_S,
  nxdomain: NO_NAME_TTL_S,
  servfail: FAILURE_TTL_S,
  timeout: FAILURE_TTL_S,
};

interface KeptLookUp {
  readonly answer: FamilyAnswer;
  /** By the clock. */
  readonly until: number;
}

/** Keeps answers; equal questions in flight are one. */
export class NameCache implements NameSource {
  readonly #source: NameSource;
  readonly #now: () => number;
  /** The least recently used first. */
  readonly #kept = new BoundedMap<string, KeptLookUp>(CACHED_ANSWERS);
  readonly #inFlight = new Map<string, Promise<FamilyAnswer>>();

  /** @param now milliseconds of a clock that never goes back */
  constructor(source: NameSource, now: () => number = () => performance.now()) {
    this.#source = source;
    this.#now = now;
  }

  get servers(): readonly string[] {
    return this.#source.servers;
  }

  /** Answers at once what it knows, with the TTL that is left. TTLs lie between MIN_TTL_S and MAX_TTL_S. */
  ask(name: string, family: 4 | 6, holder: SocketHolder): Asked {
    const key = `${family} ${name}`;
    const known = this.#take(key);
    if (known !== undefined) return known;
    const joined = this.#inFlight.get(key);
    if (joined !== undefined) return joined;
    const asked = this.#source.ask(name, family, holder);
    if (asked === undefined) return undefined;
    if (!(asked instanceof Promise)) return this.#keep(key, asked);
    const question = asked.then((answer) => {
      this.#inFlight.delete(key);
      return this.#keep(key, answer);
    });
    this.#inFlight.set(key, question);
    return question;
  }

  /** What it knows, without a question. */
  kept(name: string, family: 4 | 6): FamilyAnswer | undefined {
    const kept = this.#kept.get(`${family} ${name}`);
    return kept !== undefined && kept.until > this.#now() ? kept.answer : undefined;
  }

  #take(key: string): FamilyAnswer | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    const leftMs = kept.until - this.#now();
    if (leftMs <= 0) {
      this.#kept.delete(key);
      return undefined;
    }
    this.#kept.set(key, kept);
    const { answer } = kept;
    return answer.kind === 'addresses' ? { ...answer, ttl: Math.ceil(leftMs / 1000) } : answer;
  }

  #keep(key: string, said: FamilyAnswer): FamilyAnswer {
    const answer = said.kind === 'addresses' ? { ...said, ttl: bounded(said.ttl) } : said;
    const seconds = answer.kind === 'addresses' ? answer.ttl : LIFE_S[answer.kind];
    this.#kept.set(key, { answer, until: this.#now() + seconds * 1000 });
    return answer;
  }
}

function bounded(ttl: number): number {
  return Math.min(Math.max(ttl, MIN_TTL_S), MAX_TTL_S);
}

// The resolvers of plugins with DNS servers of their own. Each set of servers has its own cache: what one set says holds for no other. Runs in
// the broker.

/** What a set of servers is asked by. */
interface ResolverSet {
  readonly servers: readonly string[];
  /** The addresses that questions leave from. */
  readonly from: readonly string[];
}

export class ResolverSets {
  readonly #hosts: HostsFile;
  /** By plugin, with the key of its set. */
  readonly #used = new Map<string, { readonly key: string; readonly names: NameResolver }>();

  constructor(hosts: HostsFile) {
    this.#hosts = hosts;
  }

  /** Plugins with the same set share it, and a set without a plugin is gone. @param set undefined: the plugin has none */
  use(plugin: string, set: ResolverSet | undefined): NameResolver | undefined {
    if (set === undefined) {
      this.#used.delete(plugin);
      return undefined;
    }
    const key = JSON.stringify([set.servers, set.from]);
    const known = [...this.#used.values()].find((one) => one.key === key);
    const names =
      known?.names ??
      new NameResolver(
        this.#hosts,
        new NameCache(new NameServers(set.servers, undefined, undefined, set.from)),
      );
    this.#used.set(plugin, { key, names });
    return names;
  }
}
