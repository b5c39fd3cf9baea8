// The failures of what the rules permit: a name that does not exist, a server that does not listen. Runs in the broker, one object for each plugin. A
// program often hides them, and a person then looks for a rule that is missing. So each is an audit event and is counted, although nobody may
// read the other events.
//
// A failure waits for a moment before it is told. Programs try the addresses of a name one after the other, or together: most hosts have no route
// for IPv6, and the name works all the same. What works in the meantime has not failed.
import { BoundedMap } from '../../shared/bounded-map.js';
import { LOGGED_NAMES } from '../../shared/limits.js';
import type { PluginMetrics } from '../../shared/metrics/plugin-metrics.js';
import { quoteDestination } from '../../shared/policy/decision.js';
import { quote } from '../../shared/policy/quote.js';
import type { AuditFields } from '../../shared/protocol/audit-events.js';
import type { FailureWord } from '../../shared/words.js';
import { type Audit, type Origin, SOMEBODY } from './audit.js';
import type { METRICS } from './broker-metrics.js';
import { GatheredLog } from './gathered-log.js';
import type { LogGate } from './log-gate.js';

const HOLD_MS = 1000;
/** What a program gives up sooner was hardly a failure. */
export const PATIENCE_MS = 1000;
/** Destinations whose last success is remembered. */
const REMEMBERED = 256;

/** Where a permitted request wanted to go. */
interface Target {
  readonly host: string;
  /** Null for a look-up. */
  readonly port: number | null;
}

export interface Failure extends Target {
  readonly reason: FailureWord;
  readonly origin: Origin;
  /** The address that failed. Null where none was dialled. */
  readonly dialed: string | null;
  /** Other names of the destination. */
  readonly names: readonly string[];
  /** When it began, by performance.now(). */
  readonly since: number;
  readonly message: string;
  /** Of a look-up: the family that was asked for. A program asks for both, and that is one failure. */
  readonly family?: 4 | 6 | undefined;
  /** The name has no address of the family. That is a failure if it has none of the other one either. */
  readonly isHalf?: boolean;
}

interface Held {
  readonly failure: Failure;
  count: number;
  isWhole: boolean;
}

export class Failures {
  readonly #audit: Audit;
  readonly #metrics: Pick<PluginMetrics<typeof METRICS>, 'count'>;
  readonly #gate: Pick<LogGate, 'isOpen' | 'whenOpen'>;
  readonly #log: GatheredLog<Omit<AuditFields<'failed'>, 'plugin' | 'count' | 'repeated'>>;
  readonly #held = new Map<string, Held>();
  readonly #works = new BoundedMap<string, number>(REMEMBERED);
  #timer: NodeJS.Timeout | undefined;

  constructor(
    audit: Audit,
    plugin: string,
    metrics: Pick<PluginMetrics<typeof METRICS>, 'count'>,
    gate: Pick<LogGate, 'isOpen' | 'whenOpen'>,
  ) {
    this.#audit = audit;
    this.#metrics = metrics;
    this.#gate = gate;
    this.#log = new GatheredLog(
      (event, count, repeated) => audit.failed({ plugin, count, repeated, ...event }),
      (count) =>
        audit.failed({
          ...{
            plugin,
            count,
            repeated: false,
            ...SOMEBODY,
            reason: null,
            host: null,
            port: null,
            dialed: null,
          },
          message: `Other permitted destinations failed ${count} times within a minute`,
        }),
      () => metrics.count('limitRejections', { limit: 'log_rate' }),
    );
  }

  note(failure: Failure): void {
    const { reason, host, port, dialed, family, isHalf = false } = failure;
    const key = `${reason} ${host} ${port} ${dialed}`;
    const held = this.#held.get(key);
    if (held !== undefined) {
      if (held.failure.family === family) held.count += 1;
      else held.isWhole = true;
      held.isWhole ||= !isHalf;
      return;
    }
    // protects: G8 failures that wait to be told are bounded
    if (this.#held.size >= LOGGED_NAMES) this.#judge();
    this.#held.set(key, { failure, count: 1, isWhole: !isHalf });
    this.#timer ??= setTimeout(() => this.#judgeWithRoom(), HOLD_MS).unref();
  }

  /** A connection was made, or a name has addresses. @param names others of the destination */
  works({ host, port }: Target, names: readonly string[] = []): void {
    const now = performance.now();
    this.#works.set(placeOf(host, port), now);
    for (const name of names) this.#works.set(placeOf(name, port), now);
  }

  /** Tells everything that waits. */
  flush(): void {
    // Their records may be failures.
    this.#audit.flush();
    this.#judge();
    this.#log.flush();
  }

  /** While the log has no room, failures go on to gather. */
  #judgeWithRoom(): void {
    if (this.#gate.isOpen) this.#judge();
    else this.#gate.whenOpen(this.#judge);
  }

  readonly #judge = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const all = [...this.#held];
    this.#held.clear();
    for (const [key, { failure, count, isWhole }] of all) {
      if (!isWhole || this.#worksSince(failure)) continue;
      this.#metrics.count('connectFailures', { reason: failure.reason }, count);
      this.#log.note(key, () => eventOf(failure), count);
    }
  };

  #worksSince({ host, port, names, since }: Failure): boolean {
    return [host, ...names].some(
      (name) => (this.#works.get(placeOf(name, port)) ?? Number.NEGATIVE_INFINITY) >= since,
    );
  }
}

function placeOf(name: string, port: number | null): string {
  return `${name} ${port}`;
}

function eventOf({
  origin: { door, pid, program },
  reason,
  host,
  port,
  dialed,
  message,
}: Failure): Omit<AuditFields<'failed'>, 'plugin' | 'count' | 'repeated'> {
  return { pid, program, door, reason, host, port, dialed, message };
}

// What failed, as a sentence for the operator.

/** @param who the address, or the DNS servers @param within how long it took, where that says something */
const CAUSES: Readonly<Record<FailureWord | 'no_address', (who: string, within: string) => string>> = {
  name_unknown: (who) => `${who} says that it does not exist`,
  no_address: (who) => `${who} says that it has no address`,
  dns_timeout: (who, within) => `${who} gave no answer${within}`,
  dns_failed: (who) => `${who} could not answer`,
  refused: (who) => `nothing listens at ${who}`,
  unreachable: (who) => `no route leads from this host to ${who}`,
  timeout: (who, within) => `${who} gave no answer${within}`,
  reset: (who) => `${who} reset the connection`,
  proxy_refused: (who) => `the proxy ${who} did not connect to it`,
};
/** An answer that came sooner was one of before. */
const LEAST_WAIT_MS = 100;

/** @returns for example `"x.example.com" is allowed, but DNS server 192.0.2.53 says that it does not exist` */
export function failureMessage(
  reason: keyof typeof CAUSES,
  { host, port }: Target,
  who: string,
  milliseconds: number | null,
): string {
  const within =
    milliseconds === null || milliseconds < LEAST_WAIT_MS
      ? ''
      : ` within ${(milliseconds / 1000).toFixed(1)} s`;
  const what = port === null ? quote(host) : quoteDestination(host, port);
  return `${what} is allowed, but ${CAUSES[reason](who, within)}`;
}

/** @param servers as they are configured */
export function dnsServers(servers: readonly string[]): string {
  return `DNS server ${servers.join(' or ')}`;
}
