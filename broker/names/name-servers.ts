// Asks DNS servers by c-ares through node:dns. Its sockets are in the event loop; getaddrinfo(3) would hold a thread of libuv's pool. Runs in
// the broker, and trusts no answer.

import { type RecordWithTtl, Resolver } from 'node:dns';
import { isIP, isIPv4 } from 'node:net';
import { DNS_ANSWERS, DNS_TIMEOUT_MS } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import { WatchedFile } from './watched-file.js';

/** How long one question to one server waits, and how often it is asked. */
const TRY_MS = 1_500;
const TRIES = 4;
/** Where each resolver is sent for a moment, so that c-ares forgets what it knows from the former servers. Nothing is asked there. */
const NOBODY: readonly string[] = ['127.0.0.1:1'];
/** Resolvers that are kept for the next questions. Without a question they have no socket. */
const IDLE_RESOLVERS = 16;
/** Without an answer for this long, each server gets a further question, whose answer may take until DNS_TIMEOUT_MS. */
const PATIENT_AFTER_MS = 300;
/** A larger /etc/resolv.conf is not read. */
const MAX_RESOLV_CONF_BYTES = 64 * 1024;

/** A server's answer for one name and family. `nodata`: the name exists, but has no address of the family. */
export type FamilyAnswer =
  | {
      readonly kind: 'addresses';
      readonly addresses: readonly Address[];
      /** Seconds: the smallest of all records, CNAMEs included. */
      readonly ttl: number;
    }
  | { readonly kind: 'nodata' | 'nxdomain' | 'servfail' | 'timeout' };

/** Holds the sockets of questions: a plugin's share of descriptors. */
export interface SocketHolder {
  /** @returns what lets go of them, to be called once; undefined: there is no room for so many */
  take(count: number): (() => void) | undefined;
}

/** Without a promise: known already. Undefined: nothing was asked, since there was no room for the sockets. */
export type Asked = FamilyAnswer | Promise<FamilyAnswer> | undefined;

/** Answers questions about names. A promise never rejects. */
export interface NameSource {
  /** Who is asked, as it is configured. */
  readonly servers: readonly string[];
  /** @param holder of the plugin that asks, even if others wait for the same answer later */
  ask(name: string, family: 4 | 6, holder: SocketHolder): Asked;
  /** What it knows without a question. Missing: it keeps nothing. */
  kept?(name: string, family: 4 | 6): FamilyAnswer | undefined;
}

const RESOLV_CONF: string = '/etc/resolv.conf';
/** MAXNS, resolv.conf(5). */
const MOST_SERVERS = 3;
/** Without a server in the file, resolv.conf(5). */
const OWN_SERVER = '127.0.0.1';

/** Asks the given servers, or those of /etc/resolv.conf, which is read again when it has changed. */
export class NameServers implements NameSource {
  readonly #file: WatchedFile | undefined;
  #servers: readonly string[];
  readonly #from: readonly string[];
  #pool: ResolverPool;

  /**
   * @param servers instead of those in the file
   * @param onProblem takes lines for the operator: the file cannot be used, and the former one stays in force
   * @param from addresses that the questions leave from, one of each family at most
   * @throws TypeError for a server that is no `ADDRESS` or `ADDRESS:PORT`
   */
  constructor(
    servers?: readonly string[],
    onProblem: (text: string) => void = () => {},
    path: string = RESOLV_CONF,
    from: readonly string[] = [],
  ) {
    this.#from = from;
    this.#servers = servers ?? [OWN_SERVER];
    this.#pool = new ResolverPool(this.#servers, from);
    this.#file = servers === undefined ? new WatchedFile(path, MAX_RESOLV_CONF_BYTES, onProblem) : undefined;
    this.#renew();
  }

  get servers(): readonly string[] {
    return this.#servers;
  }

  /**
   * The name is absolute: c-ares applies no search list to a query. No socket outlives the question: one is for the first tries, and one for
   * each server that is asked again.
   */
  ask(name: string, family: 4 | 6, holder: SocketHolder): Promise<FamilyAnswer> | undefined {
    this.#renew();
    const servers = this.#servers;
    const letGo =
      /* protects: G8 a plugin's share of descriptors holds the sockets that ask DNS for it => () => { } */ holder.take(
        1 + servers.length,
      );
    if (letGo === undefined) return undefined;
    const pool = this.#pool;
    const quick = pool.take();
    return new Promise((resolve) => {
      const patient: Resolver[] = [];
      let open = 0;
      let answered = false;
      const finish = (answer: FamilyAnswer): void => {
        // A question that is given up answers too.
        if (answered) return;
        answered = true;
        clearTimeout(limit);
        clearTimeout(delay);
        for (const resolver of patient) resolver.cancel();
        pool.giveBack(quick);
        letGo();
        resolve(answer);
      };
      const take = (answer: FamilyAnswer): void => {
        open -= 1;
        if (open === 0 || !FAILURES.has(answer.kind)) finish(answer);
      };
      const limit = setTimeout(() => finish({ kind: 'timeout' }), DNS_TIMEOUT_MS);
      const delay = setTimeout(() => {
        open += servers.length;
        patient.push(...servers.map((server) => makePatientResolver(server, this.#from)));
        for (const resolver of patient) question(resolver, name, family, take);
      }, PATIENT_AFTER_MS);
      open += 1;
      question(quick, name, family, take);
    });
  }

  /** Questions in flight keep their servers. */
  #renew(): void {
    this.#file?.renew((text) => {
      const servers = parseResolvConf(text);
      if (servers.length === 0) return false;
      this.#servers = servers;
      this.#pool = new ResolverPool(servers, this.#from);
      return true;
    });
  }
}

/** After these another server, or the same one later, may know better. */
const FAILURES: ReadonlySet<FamilyAnswer['kind']> = new Set(['servfail', 'timeout']);

function question(
  resolver: Resolver,
  name: string,
  family: 4 | 6,
  take: (answer: FamilyAnswer) => void,
): void {
  const onAnswer = (error: NodeJS.ErrnoException | null, answers?: readonly RecordWithTtl[]): void =>
    take(error === null ? readAnswers(answers ?? [], family) : { kind: failureKind(error.code) });
  if (family === 4) resolver.resolve4(name, { ttl: true }, onAnswer);
  else resolver.resolve6(name, { ttl: true }, onAnswer);
}

/**
 * Asks one server once, and waits as long as a question may take. c-ares drops the answer to a try that it has given up, and gives up the tries
 * of a server that was quick before very soon. A new resolver remembers no server.
 */
function makePatientResolver(server: string, from: readonly string[]): Resolver {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 1 });
  resolver.setServers([server]);
  leaveFrom(resolver, from);
  return resolver;
}

/** The first servers of a resolv.conf(5), as many as a libc takes. */
export function parseResolvConf(text: string): readonly string[] {
  return (
    text
      .split('\n')
      .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
      // c-ares drops the zone of a link-local server, as in fe80::1%eth0, and cannot reach it.
      .filter((server) => isIP(server) !== 0 && !server.includes('%'))
      .slice(0, MOST_SERVERS)
  );
}

function readAnswers(answers: readonly RecordWithTtl[], family: 4 | 6): FamilyAnswer {
  const looked = answers.slice(0, DNS_ANSWERS);
  const addresses = looked
    .map(({ address }) => parseAddress(address))
    .filter((address) => address !== undefined)
    // An AAAA record can hold an IPv4 address, as ::ffff:192.0.2.1. No network routes it, and the DNS of a sandbox could not answer it.
    .filter((address) => address.family === family);
  if (addresses.length === 0) return { kind: 'nodata' };
  return { kind: 'addresses', addresses, ttl: Math.min(...looked.map(({ ttl }) => ttl)) };
}

/** c-ares's codes, ares_query(3). */
function failureKind(code: string | undefined): Exclude<FamilyAnswer['kind'], 'addresses'> {
  if (code === 'ENOTFOUND') return 'nxdomain';
  if (code === 'ENODATA') return 'nodata';
  return code === 'ETIMEOUT' ? 'timeout' : 'servfail';
}

// c-ares resolvers that ask nothing now. Each serves one question at a time: so a question can be given up alone, it has its own source port,
// which an attacker must guess, and its sockets are known.

/** Resolvers for one list of servers. */
class ResolverPool {
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
    if (this.#idle.length >= IDLE_RESOLVERS) return;
    if (keepsAnswers(process.versions.node)) {
      resolver.setServers(NOBODY);
      resolver.setServers(this.#servers);
    }
    this.#idle.push(resolver);
  }

  #make(): Resolver {
    // c-ares shortens a try to the time that a server took before. DNS_TIMEOUT_MS bounds all tries together.
    const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
    resolver.setServers(this.#servers);
    leaveFrom(resolver, this.#from);
    return resolver;
  }
}

/**
 * Whether a Node may have c-ares's cache in use, which keeps each answer for its TTL, up to an hour, and has no bound. Node turned it off in 20.20 at
 * the latest, 22.17 and 24; Debian 13 has Node 20.19.
 */
function keepsAnswers(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major === 20 ? minor < 20 : major === 22 ? minor < 17 : major < 24;
}

/** A family without an address of its own asks from any. */
function leaveFrom(resolver: Resolver, from: readonly string[]): void {
  const four = from.find((address) => isIPv4(address));
  const six = from.find((address) => !isIPv4(address));
  if (four !== undefined || six !== undefined) resolver.setLocalAddress(four ?? '0.0.0.0', six ?? '::0');
}
