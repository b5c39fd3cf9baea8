// Sums up audit events for a report: how much happened when, where plugins connected, what was refused, and what became of names. Pure. A plugin chooses
// destinations and how many there are, so each table is bounded, and says how many it leaves out.
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import { addRequest, type RequestSum } from './gateway-requests.js';

const MOST_ROWS = 1_000;
/** Parts of the time line. */
const MOST_PARTS = 120;

/** @returns for example `api.example.com:443`, or `unix:/run/x.sock` */
export function placeOf(host: string | null, port: number | null): string {
  if (host === null) return 'not known';
  if (host.startsWith('unix:') || port === null) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What happened in a part of the time. */
export interface TimePart {
  allowed: number;
  refused: number;
  failed: number;
}

export interface DestinationSum {
  readonly plugin: string;
  readonly place: string;
  connects: number;
  failures: number;
  sent: number;
  received: number;
  /** The rule that allowed the last one. */
  rule: string | undefined;
}

export interface RefusalSum {
  readonly plugin: string;
  readonly place: string;
  readonly reason: string;
  /** Allowed, but only since the mode was audit. */
  readonly isAudit: boolean;
  count: number;
  program: string | undefined;
  rules: readonly string[];
}

export interface NameSum {
  readonly plugin: string;
  readonly name: string;
  lookups: number;
  refused: number;
  failed: number;
  slowestMs: number;
}

export interface SumTable<Row> {
  readonly rows: readonly Row[];
  /** Events of rows that are left out. */
  readonly more: number;
}

export interface Summary {
  /** ISO 8601 in UTC; undefined: there was no event. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly events: number;
  /** Events that the log says are missing. */
  readonly missing: number;
  readonly plugins: readonly string[];
  readonly timeline: readonly TimePart[];
  readonly destinations: SumTable<DestinationSum>;
  readonly refusals: SumTable<RefusalSum>;
  readonly names: SumTable<NameSum>;
  readonly requests: SumTable<RequestSum>;
}

/** What a report is written of. */
export interface Report {
  readonly title: string;
  /** Where the events are from. */
  readonly source: string;
  readonly version: string;
  /** When it was written: ISO 8601 in UTC. */
  readonly at: string;
  readonly summary: Summary;
  /** Of `learn`. */
  readonly learnt?: { readonly rules: readonly string[]; readonly notes: readonly string[] } | undefined;
}

export class Summarizer {
  #events = 0;
  #missing = 0;
  #from: string | undefined;
  #to: string | undefined;
  readonly #plugins = new Set<string>();
  readonly #timeline = new Timeline();
  readonly #destinations = new Rows<DestinationSum>();
  readonly #refusals = new Rows<RefusalSum>();
  readonly #names = new Rows<NameSum>();
  readonly #requests = new Map<string, RequestSum>();

  take(event: AuditEvent): void {
    this.#events += 1;
    if (this.#from === undefined || event.ts < this.#from) this.#from = event.ts;
    if (this.#to === undefined || event.ts > this.#to) this.#to = event.ts;
    if (this.#plugins.size < MOST_ROWS) this.#plugins.add(event.plugin);
    addRequest(this.#requests, event);
    switch (event.event) {
      case 'decision':
        this.#decision(event);
        return;
      case 'question':
        this.#timeline.add(event.ts, 'refused', event.questions);
        this.#refused(event, event.name, null, event.questions);
        this.#name(event, event.name, { refused: event.questions });
        return;
      case 'datagram':
      case 'socket':
        this.#timeline.add(event.ts, 'refused', event.count);
        this.#refused(event, event.host, event.port, event.count);
        return;
      case 'failed':
        this.#timeline.add(event.ts, 'failed', event.count);
        this.#destination(event, (sum) => {
          sum.failures += event.count;
        });
        if (event.reason?.startsWith('dns') === true || event.reason === 'name_unknown')
          this.#name(event, event.host, { failed: event.count });
        return;
      case 'closed':
        this.#destination(event, (sum) => {
          sum.sent += event.sent_bytes ?? 0;
          sum.received += event.received_bytes ?? 0;
        });
        return;
      default:
        return;
    }
  }

  gap({ events }: Pick<AuditEvent<'gap'>, 'events'>): void {
    this.#missing += events;
  }

  get summary(): Summary {
    const byCount = (a: { readonly count: number }, b: { readonly count: number }): number =>
      b.count - a.count;
    return {
      ...{ from: this.#from, to: this.#to, events: this.#events, missing: this.#missing },
      plugins: [...this.#plugins].sort(),
      timeline: this.#timeline.parts,
      destinations: this.#destinations.sorted((a, b) => b.connects - a.connects || b.failures - a.failures),
      refusals: this.#refusals.sorted(byCount),
      names: this.#names.sorted(
        (a, b) => b.refused + b.failed - a.refused - a.failed || b.lookups - a.lookups,
      ),
      requests: { rows: [...this.#requests.values()].sort(byCount), more: 0 },
    };
  }

  #decision(event: AuditEvent<'decision'>): void {
    const { ts, decision, host, port, dns_ms: dnsMs, rule, outcome } = event;
    if (dnsMs !== null) this.#name(event, host, { lookups: 1, slowestMs: dnsMs });
    if (decision !== 'allow') {
      this.#timeline.add(ts, 'refused', 1);
      this.#refused(event, host, port, 1);
    } else this.#timeline.add(ts, 'allowed', 1);
    if (decision === 'deny') return;
    this.#destination(event, (sum) => {
      if (outcome === 'connected') sum.connects += 1;
      sum.rule = rule ?? undefined;
    });
  }

  #destination(
    {
      plugin,
      host,
      port,
    }: { readonly plugin: string; readonly host: string | null; readonly port: number | null },
    change: (sum: DestinationSum) => void,
  ): void {
    const place = placeOf(host, port);
    const begin = { plugin, place, connects: 0, failures: 0, sent: 0, received: 0, rule: undefined };
    this.#destinations.change([plugin, place], begin, change);
  }

  #refused(
    event: AuditEvent<'decision' | 'question' | 'datagram' | 'socket'>,
    host: string | null,
    port: number | null,
    times: number,
  ): void {
    const { plugin, decision, program } = event;
    const told = { suggestion: undefined, name_suggestion: undefined, ...event };
    const reason = event.reason ?? 'no_rule';
    const [place, isAudit] = [placeOf(host, port), decision === 'would_deny'];
    const begin = { plugin, place, reason, isAudit, count: 0, program: undefined, rules: [] };
    this.#refusals.change([plugin, place, reason, decision], begin, (sum) => {
      sum.count += times;
      sum.program = program ?? undefined;
      sum.rules = [told.suggestion, told.name_suggestion].filter((rule) => rule !== undefined);
    });
  }

  #name({ plugin }: { readonly plugin: string }, name: string | null, more: Partial<NameSum>): void {
    if (name === null) return;
    const begin = { plugin, name, lookups: 0, refused: 0, failed: 0, slowestMs: 0 };
    this.#names.change([plugin, name], begin, (sum) => {
      sum.lookups += more.lookups ?? 0;
      sum.refused += more.refused ?? 0;
      sum.failed += more.failed ?? 0;
      sum.slowestMs = Math.max(sum.slowestMs, more.slowestMs ?? 0);
    });
  }
}

class Rows<Row> {
  readonly #rows = new Map<string, Row>();
  #more = 0;

  change(names: readonly string[], begin: Row, change: (row: Row) => void): void {
    const key = JSON.stringify(names);
    const row = this.#rows.get(key) ?? begin;
    if (this.#rows.size >= MOST_ROWS && !this.#rows.has(key)) {
      this.#more += 1;
      return;
    }
    this.#rows.set(key, row);
    change(row);
  }

  sorted(order: (a: Row, b: Row) => number): SumTable<Row> {
    return { rows: [...this.#rows.values()].sort(order), more: this.#more };
  }
}

/** Counts in parts of equal length, which grow with the time. */
class Timeline {
  #parts: TimePart[] = [];
  #begin = 0;
  #partMs = 250;

  get parts(): readonly TimePart[] {
    return this.#parts;
  }

  add(ts: string, what: keyof TimePart, times: number): void {
    const at = Date.parse(ts);
    if (!Number.isFinite(at)) return;
    if (this.#parts.length === 0) this.#begin = at;
    let index = Math.max(0, Math.floor((at - this.#begin) / this.#partMs));
    while (index >= MOST_PARTS) {
      this.#halve();
      index = Math.floor((at - this.#begin) / this.#partMs);
    }
    while (this.#parts.length <= index) this.#parts.push({ allowed: 0, refused: 0, failed: 0 });
    const part = this.#parts[index];
    if (part !== undefined) part[what] += times;
  }

  #halve(): void {
    this.#partMs *= 2;
    const pairs: TimePart[] = [];
    for (let at = 0; at < this.#parts.length; at += 2) {
      const [a, b] = this.#parts.slice(at, at + 2);
      pairs.push({
        allowed: (a?.allowed ?? 0) + (b?.allowed ?? 0),
        refused: (a?.refused ?? 0) + (b?.refused ?? 0),
        failed: (a?.failed ?? 0) + (b?.failed ?? 0),
      });
    }
    this.#parts = pairs;
  }
}
