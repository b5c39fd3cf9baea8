// The destinations and requests that were refused or failed, each once, with how often. Runs in the supervisor. The events come from the broker, which is not trusted, and a
// plugin chooses their destinations: a table of bounded size for each plugin, in which what comes often stays (the space-saving algorithm of
// Metwally, Agrawal and El Abbadi, 2005).
import { KEPT_DENIALS, LOG_WINDOW_MS } from '../../../shared/limits.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';

export interface Denial {
  readonly plugin: string;
  /** `failed`: the rules permit it, and it did not work. */
  readonly decision: 'deny' | 'would_deny' | 'failed';
  readonly reason: string;
  /** A name, an address, or `unix:` with a path. */
  readonly host: string;
  /** 0 for a socket; null for a look-up of a name. */
  readonly port: number | null;
  /** How often, at least. */
  readonly count: number;
  /** ISO 8601 in UTC. */
  readonly first: string;
  readonly last: string;
  /** Of a host with a gateway: the method and the URL, as `postern explain` takes them. Null: it was about a connection. */
  readonly request: string | null;
  /** Of the last one; null where it is not known. */
  readonly pid: number | null;
  readonly program: string | null;
  readonly message: string;
  /** The rule that would allow it; null if none would. Of a request, a rule of the gateway. */
  readonly suggestion: string | null;
  /** The rule for the name that is missing too. */
  readonly name_suggestion: string | null;
}

interface KeptDenial {
  denial: Denial;
  /** Its count, and that of the entry whose place it took. */
  weight: number;
  /** When a person was last told of it, by performance.now(). */
  toldAt: number;
}

export type DenialOrder = 'count' | 'latest';
type Listener = (denial: Denial) => void;

export class Denials {
  readonly #isKnown: (plugin: string) => boolean;
  readonly #plugins = new Map<string, Map<string, KeptDenial>>();
  readonly #listeners = new Set<Listener>();

  /** @param isKnown whether a plugin has that name. The denials of one that is no more are forgotten */
  constructor(isKnown: (plugin: string) => boolean) {
    this.#isKnown = isKnown;
  }

  /** @returns what the event is about, if it is a denial or a failure; `isNews`: a person was not told of it within LOG_WINDOW_MS, and is now */
  take(event: AuditEvent): { readonly denial: Denial; readonly isNews: boolean } | undefined {
    const denial = denialOf(event);
    if (denial === undefined || !this.#isKnown(denial.plugin)) return undefined;
    const kept = this.#keep(denial);
    for (const listener of this.#listeners) listener(kept.denial);
    const now = performance.now();
    const isNews = now - kept.toldAt >= LOG_WINDOW_MS;
    if (isNews) kept.toldAt = now;
    return { denial: kept.denial, isNews };
  }

  /** @param plugin all plugins without it @param most how many are listed @param since none whose last one was before that time: ISO 8601 in UTC */
  list(plugin: string | undefined, order: DenialOrder, most: number, since = ''): readonly Denial[] {
    for (const name of this.#plugins.keys()) if (!this.#isKnown(name)) this.#plugins.delete(name);
    const all = [...this.#plugins]
      .filter(([name]) => plugin === undefined || name === plugin)
      .flatMap(([, table]) => [...table.values()].map(({ denial }) => denial))
      .filter(({ last }) => last >= since);
    const byTime = (a: Denial, b: Denial): number => (a.last < b.last ? 1 : a.last > b.last ? -1 : 0);
    all.sort(order === 'latest' ? byTime : (a, b) => b.count - a.count || byTime(a, b));
    return all.slice(0, most);
  }

  /** @param listener takes each denial as it comes, with its count so far @returns ends that */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #keep(denial: Denial): KeptDenial {
    const table = this.#plugins.get(denial.plugin) ?? new Map<string, KeptDenial>();
    this.#plugins.set(denial.plugin, table);
    const { host, port, reason, decision, count, request } = denial;
    const key = JSON.stringify([host, port, reason, decision, request]);
    const known = table.get(key);
    if (known !== undefined) {
      known.weight += count;
      known.denial = { ...denial, count: known.denial.count + count, first: known.denial.first };
      return known;
    }
    const weight = table.size < KEPT_DENIALS ? 0 : makeRoom(table);
    const kept = { denial, weight: weight + count, toldAt: Number.NEGATIVE_INFINITY };
    table.set(key, kept);
    return kept;
  }
}

/** @returns the weight of the entry that is gone: the lightest, and of several the oldest */
function makeRoom(table: Map<string, KeptDenial>): number {
  let [lightest, least] = ['', Number.POSITIVE_INFINITY];
  for (const [key, { weight }] of table) if (weight < least) [lightest, least] = [key, weight];
  table.delete(lightest);
  return least;
}

function denialOf(event: AuditEvent): Denial | undefined {
  switch (event.event) {
    case 'decision':
      // A failure of DNS has an event `failed` too.
      return event.decision === 'allow' || event.reason === 'dns_error'
        ? undefined
        : denial(event, event.host, event.port, 1);
    case 'question':
      return event.name === null ? undefined : denial(event, event.name, null, event.questions);
    case 'datagram':
    case 'socket':
      return event.host === null ? undefined : denial(event, event.host, event.port, event.count);
    case 'failed':
      return event.host === null
        ? undefined
        : denial({ ...event, decision: 'failed' }, event.host, event.port, event.count);
    case 'http':
      return event.reason === null ? undefined : denial(requestOf(event), event.host, event.port, 1);
    case 'closed':
    case 'explain':
    case 'limited':
    case 'loopback':
    case 'slow':
    case 'protocol_error':
      return undefined;
  }
}

type Refusing =
  | AuditEvent<'decision' | 'question' | 'datagram' | 'socket'>
  | (AuditEvent<'failed'> & { readonly decision: 'failed' })
  | ReturnType<typeof requestOf>;

/** Which process asked, a gateway does not know. */
function requestOf(event: AuditEvent<'http'>): Omit<AuditEvent<'http'>, 'decision'> & {
  readonly decision: Denial['decision'];
  readonly request: string | null;
} & Record<'pid' | 'program', null> {
  const { decision, method, host, port, path } = event;
  return {
    ...event,
    decision: decision === 'allow' ? 'failed' : decision,
    request: method === '' ? null : `${method} https://${host}${port === 443 ? '' : `:${port}`}${path}`,
    ...{ pid: null, program: null },
  };
}

function denial(event: Refusing, host: string, port: number | null, count: number): Denial | undefined {
  const { plugin, ts, decision, reason, pid, program } = event;
  if (decision === 'allow') return undefined;
  const told = {
    ...{ message: undefined, suggestion: undefined, name_suggestion: undefined, request: null },
    ...event,
  };
  return {
    plugin,
    decision,
    reason: reason ?? 'no_rule',
    host,
    port,
    count: Math.max(1, count),
    first: ts,
    last: ts,
    request: told.request,
    pid,
    program,
    message: told.message ?? `refused: ${reason}`,
    suggestion: told.suggestion ?? null,
    name_suggestion: told.name_suggestion ?? null,
  };
}
