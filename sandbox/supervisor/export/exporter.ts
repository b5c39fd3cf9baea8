// Sends the events of the audit log and the metrics to a collector, by OTLP over HTTP. Runs in the supervisor, where nothing waits for it: events wait in a
// queue of bounded size, and past that they are left out, which a record in their place and a metric tell. The collector is not trusted: its answers are
// read by the process that asks it (requester/), and here only a status, a time and a number of them count. No text of its answers is printed: it could
// say the headers back.
import { performance } from 'node:perf_hooks';
import type { ExportConfig, ExportSignal } from '../../../shared/config/export-config.js';
import { messageOf } from '../../../shared/errors.js';
import { printable } from '../../../shared/printable.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import type { ServerRequest } from '../../requester/messages.js';
import { otlpRecord, type Written } from '../record/audit-formats.js';
import type { ServerAnswer } from '../requester/requester.js';
import { logsBody, metricsBodies, resourceOf } from './otlp.js';

/** No name of a configuration has a dot. */
export const EXPORT_NAME = 'export.otlp';

/** Of one request. */
const BATCH_EVENTS = 512;
const BATCH_CHARACTERS = 512 * 1024;
/** What may wait. */
const MOST_CHARACTERS = 4 * 1024 * 1024;
/** With the start of the process that asks. */
const REQUEST_MS = 30_000;
const ANSWER_BYTES = 64 * 1024;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
const LONGEST_RETRY_AFTER_MS = 10 * 60_000;
/** Of a wait: many machines must not come back at the same moment. */
const SPREAD = 0.1;
/** The specification of OTLP: these may pass. Whatever else is no success is final. */
const PASSING: readonly number[] = [429, 502, 503, 504];

/** What was asked with one request. */
type Outcome =
  | { readonly kind: 'taken'; readonly rejected: number }
  /** It may be taken later. @param waitMs as the collector says */
  | { readonly kind: 'later'; readonly problem: string; readonly waitMs?: number | undefined }
  | { readonly kind: 'refused'; readonly problem: string };

/** Where it goes. A reload may bring another one. */
export interface ExportTarget {
  readonly config: ExportConfig;
  readonly headers: Readonly<Record<string, string>>;
  readonly requester: {
    readonly send: (request: ServerRequest, timeoutMs: number) => Promise<ServerAnswer>;
    readonly close: () => Promise<void>;
  };
}

/** What is counted of it. */
export interface ExportCounts {
  readonly events: (result: 'exported' | 'rejected' | 'dropped', count: number) => void;
  readonly batch: (signal: ExportSignal, isTaken: boolean) => void;
  /** Whether the last batch of each signal was taken. */
  readonly isUp: (up: boolean) => void;
}

interface ExporterParts {
  /** The path of the configuration. */
  readonly name: string;
  /** Returns all metrics in Prometheus' text format. */
  readonly page: () => Promise<string>;
  readonly counts: ExportCounts;
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
  /** A clock in milliseconds that is never set. */
  readonly now?: () => number;
}

/** The export to a collector. */
export interface ExportFacts {
  /** Host and port. */
  readonly to: string;
  /** Why the last batch was not taken; null if it was, or if there was none yet. */
  readonly problem: string | null;
  /** When a batch was last taken: ISO 8601 in UTC. Null: not since postern started. */
  readonly last_success: string | null;
  /** Events that were taken. */
  readonly exported: number;
  /** Events that are missing there: left out, refused, or rejected. */
  readonly missing: number;
  /** Events that wait. */
  readonly waiting: number;
}

type Missing = Pick<AuditEvent<'gap'>, 'events' | 'from' | 'to'>;

interface Failure {
  readonly problem: string;
  /** As the clock: before that it is not tried again. */
  readonly notBefore: number;
  /** The next wait. */
  readonly waitMs: number;
}

interface Queued {
  /** The record, as JSON. */
  readonly text: string;
  readonly ts: string;
  /** The events that are missing, of a record that stands for some. */
  readonly gap?: Missing;
}

export class Exporter {
  readonly #parts: ExporterParts;
  readonly #now: () => number;
  readonly #resource: ReturnType<typeof resourceOf>;
  readonly #startedMs = Date.now();
  #target: ExportTarget;
  #queue: Queued[] = [];
  #characters = 0;
  #gap: Missing | undefined;
  /** As the clock: when they are due. */
  readonly #due: Record<ExportSignal, number>;
  /** Of signals whose last batch was not taken. One may work where the other does not. */
  readonly #failures = new Map<ExportSignal, Failure>();
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #closed = false;
  #rejects = false;
  #lastSuccess: string | null = null;
  #exported = 0;
  #missing = 0;

  constructor(target: ExportTarget, parts: ExporterParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
    this.#resource = resourceOf(parts.name);
    this.#target = target;
    this.#due = { logs: Number.POSITIVE_INFINITY, metrics: this.#now() + target.config.intervalMs };
    this.#schedule();
  }

  get facts(): ExportFacts {
    const { host, protocol, port } = new URL(this.#target.config.otlp);
    return {
      to: port === '' ? `${host}:${protocol === 'https:' ? 443 : 80}` : host,
      problem: [...this.#failures].map(([signal, { problem }]) => `${signal}: ${problem}`).join('; ') || null,
      last_success: this.#lastSuccess,
      exported: this.#exported,
      missing: this.#missing,
      waiting: this.#queue.length,
    };
  }

  /** An event of the audit log. */
  take(event: Written): void {
    if (!this.#takes('logs')) return;
    // protects: G25 export: its own connections make nothing to export
    if ('plugin' in event && event.plugin === EXPORT_NAME) return;
    this.#tellGap();
    if (this.#gap !== undefined || !this.#put(event))
      this.#leaveOut({ events: 1, from: event.ts, to: event.ts });
    if (this.#queue.length >= BATCH_EVENTS) this.#work();
  }

  /** Events that a broker took along. @param since from when on they are missing */
  lost(events: number, since: string): void {
    if (!this.#takes('logs')) return;
    this.#leaveOut({ events, from: since, to: new Date().toISOString() });
    this.#tellGap();
  }

  /** Sends to another collector, or with other headers, from now on. What waits goes there. */
  async retarget(target: ExportTarget): Promise<void> {
    const former = this.#target;
    this.#target = target;
    this.#due.metrics = Math.min(this.#due.metrics, this.#now() + target.config.intervalMs);
    for (const [signal, failure] of this.#failures) {
      if (this.#takes(signal))
        this.#failures.set(signal, { ...failure, notBefore: 0, waitMs: FIRST_WAIT_MS });
      else this.#failures.delete(signal);
    }
    if (!this.#takes('logs')) this.#forget(this.#queue.length);
    await former.requester.close();
    this.#schedule();
  }

  /** Sends what waits, within the time. */
  async close(milliseconds: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    let late: NodeJS.Timeout | undefined;
    const time = new Promise<void>((resolve) => {
      late = setTimeout(resolve, milliseconds);
    });
    await Promise.race([this.#flush(), time]);
    clearTimeout(late);
    const left = this.#queue.filter(({ gap }) => gap === undefined).length;
    if (left > 0) this.#count('dropped', left);
    if (left > 0) this.#parts.onNotice(`the export ends without its last events, ${left} in number`);
    await this.#target.requester.close();
    this.#parts.counts.isUp(true);
  }

  async #flush(): Promise<void> {
    await this.#working;
    while (this.#queue.length > 0) if (!(await this.#sendLogs())) return;
  }

  #takes(signal: ExportSignal): boolean {
    return this.#target.config.signals.includes(signal);
  }

  /** @returns whether there was room */
  #put(event: Written, gap?: Missing): boolean {
    const text = JSON.stringify(otlpRecord(event));
    // protects: G25 export: what waits for the collector is bounded
    if (this.#characters + text.length > MOST_CHARACTERS) return false;
    if (this.#queue.length === 0) {
      this.#due.logs = this.#now() + this.#target.config.intervalMs;
      this.#schedule();
    }
    this.#queue.push({ text, ts: event.ts, ...(gap && { gap }) });
    this.#characters += text.length;
    return true;
  }

  #leaveOut(missing: Missing): void {
    if (this.#gap === undefined)
      this.#parts.onNotice(
        'the export loses events: they come faster than the collector takes them, or it refuses them',
      );
    this.#count('dropped', missing.events);
    this.#addToGap(missing);
  }

  #addToGap({ events, from, to }: Missing): void {
    const before = this.#gap;
    this.#gap = { events: (before?.events ?? 0) + events, from: before?.from ?? from, to };
  }

  /** Written too soon, it would take the last room, and the next event would make another one. */
  #tellGap(): void {
    if (this.#gap === undefined || this.#characters > MOST_CHARACTERS / 2) return;
    const missing = this.#gap;
    const gap: AuditEvent<'gap'> = { event: 'gap', ts: new Date().toISOString(), ...missing };
    if (this.#put(gap, missing)) this.#gap = undefined;
  }

  #count(result: 'exported' | 'rejected' | 'dropped', events: number): void {
    if (events === 0) return;
    if (result === 'exported') this.#exported += events;
    else this.#missing += events;
    this.#parts.counts.events(result, events);
  }

  #schedule(): void {
    if (this.#closed || this.#working !== undefined) return;
    clearTimeout(this.#timer);
    const wait = Math.min(...this.#target.config.signals.map((signal) => this.#dueOf(signal))) - this.#now();
    if (!Number.isFinite(wait)) return;
    this.#timer = setTimeout(() => this.#work(), Math.max(0, Math.ceil(wait))).unref();
  }

  #work(): void {
    if (this.#closed || this.#working !== undefined) return;
    this.#working = this.#sendDue().finally(() => {
      this.#working = undefined;
      this.#schedule();
    });
  }

  async #sendDue(): Promise<void> {
    while (!this.#closed) {
      const now = this.#now();
      if (this.#takes('metrics') && now >= this.#dueOf('metrics')) {
        this.#due.metrics = now + this.#target.config.intervalMs;
        await this.#sendMetrics();
      } else if (this.#takes('logs') && now >= this.#dueOf('logs')) await this.#sendLogs();
      else return;
    }
  }

  #dueOf(signal: ExportSignal): number {
    const due = signal === 'logs' && this.#queue.length >= BATCH_EVENTS ? 0 : this.#due[signal];
    return Math.max(due, this.#failures.get(signal)?.notBefore ?? 0);
  }

  /** @returns whether the batch was taken */
  async #sendLogs(): Promise<boolean> {
    let characters = 0;
    const batch: Queued[] = [];
    for (const queued of this.#queue.slice(0, BATCH_EVENTS)) {
      if (batch.length > 0 && characters + queued.text.length > BATCH_CHARACTERS) break;
      characters += queued.text.length;
      batch.push(queued);
    }
    const body = logsBody(
      this.#resource,
      batch.map(({ text }) => text),
    );
    const outcome = await this.#post('logs', body, batch.length);
    if (outcome.kind === 'later') return false;
    const events = batch.filter(({ gap }) => gap === undefined).length;
    this.#forget(batch.length);
    if (outcome.kind === 'refused') {
      // protects: G25 export: a record of missing events that is refused is sent again => void batch;
      for (const { gap } of batch) if (gap !== undefined) this.#addToGap(gap);
      const [first, last] = [batch[0]?.ts ?? '', batch.at(-1)?.ts ?? ''];
      if (events > 0) this.#leaveOut({ events, from: first, to: last });
    } else {
      const rejected = Math.min(outcome.rejected, events);
      this.#count('exported', events - rejected);
      this.#count('rejected', rejected);
      for (const { gap } of batch)
        if (gap !== undefined)
          this.#parts.onNotice(`the export goes on; ${gap.events} events are missing in it`);
    }
    this.#tellGap();
    return outcome.kind === 'taken';
  }

  /** What comes first in the queue is there no more. */
  #forget(count: number): void {
    for (const { text } of this.#queue.splice(0, count)) this.#characters -= text.length;
    if (this.#queue.length === 0) this.#due.logs = Number.POSITIVE_INFINITY;
  }

  /** Each page has all: one that is not taken is not sent again. */
  async #sendMetrics(): Promise<void> {
    let page: string;
    try {
      page = await this.#parts.page();
    } catch (error) {
      // A process that has no descriptor or memory left cannot say how it is.
      this.#parts.counts.batch('metrics', false);
      this.#fail('metrics', {
        kind: 'later',
        problem: `there is no page of metrics: ${printable(messageOf(error))}`,
      });
      return;
    }
    for await (const { body, points } of metricsBodies(this.#resource, page, this.#startedMs, Date.now()))
      if ((await this.#post('metrics', body, points)).kind !== 'taken') return;
  }

  /** @param items that the body has */
  async #post(signal: ExportSignal, body: string, items: number): Promise<Outcome> {
    const target = this.#target;
    const { config, headers, requester } = target;
    const answer = await requester.send(
      {
        ...{ method: 'POST', path: `${new URL(config.otlp).pathname.replace(/\/$/, '')}/v1/${signal}`, body },
        ...{ headers: { ...headers, 'content-type': 'application/json' }, mostBytes: ANSWER_BYTES },
      },
      REQUEST_MS,
    );
    const outcome = outcomeOf(answer, signal);
    // A reload has ended the request.
    if (this.#target !== target) return { kind: 'later', problem: '' };
    this.#parts.counts.batch(signal, outcome.kind === 'taken');
    if (outcome.kind === 'taken') this.#succeed(signal, Math.min(outcome.rejected, items));
    else this.#fail(signal, outcome);
    return outcome;
  }

  #succeed(signal: ExportSignal, rejected: number): void {
    this.#lastSuccess = new Date().toISOString();
    if (this.#failures.delete(signal)) this.#parts.onNotice(`the export of ${signal} works again`);
    if (rejected > 0 && !this.#rejects)
      this.#parts.onNotice(`the collector rejects ${rejected} of the ${signal} that it was sent`);
    this.#rejects = rejected > 0;
    this.#parts.counts.isUp(this.#failures.size === 0);
  }

  #fail(signal: ExportSignal, outcome: Exclude<Outcome, { kind: 'taken' }>): void {
    const { problem } = outcome;
    const asked = outcome.kind === 'later' ? (outcome.waitMs ?? 0) : 0;
    const former = this.#failures.get(signal);
    const wait = former?.waitMs ?? FIRST_WAIT_MS;
    const notBefore = this.#now() + Math.max(asked, wait * (1 + SPREAD * Math.random()));
    this.#failures.set(signal, { problem, notBefore, waitMs: Math.min(wait * 2, LONGEST_WAIT_MS) });
    this.#parts.counts.isUp(false);
    if (former === undefined) this.#parts.onNotice(`the export of ${signal} fails: ${problem}`);
  }
}

function outcomeOf(answer: ServerAnswer, signal: ExportSignal): Outcome {
  if (answer.kind === 'none') return { kind: 'later', problem: printable(answer.problem) };
  const { status, headers, body } = answer;
  const problem = `the collector answered with status ${status}`;
  if (PASSING.includes(status))
    return { kind: 'later', problem, waitMs: waitOf(headers['retry-after'], Date.now()) };
  if (status < 200 || status > 299) return { kind: 'refused', problem };
  const rejected = rejectedOf(body, signal);
  // A page of a proxy, for example.
  // protects: G25 export: an answer that is none of OTLP is no success => return { kind: 'taken', rejected: 0 };
  if (rejected === undefined) return { kind: 'later', problem: 'what answered is no collector' };
  return { kind: 'taken', rejected };
}

/** @returns undefined for what is no answer of OTLP. Some collectors answer with nothing */
function rejectedOf(body: Buffer, signal: ExportSignal): number | undefined {
  if (body.length === 0) return 0;
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const partial = value['partialSuccess'];
  const name = signal === 'logs' ? 'rejectedLogRecords' : 'rejectedDataPoints';
  const rejected = isObject(partial) ? Number(partial[name] ?? 0) : 0;
  return Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Seconds, or a date. */
function waitOf(retryAfter: string | undefined, now: number): number | undefined {
  if (retryAfter === undefined) return undefined;
  const wait = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - now;
  // protects: G25 export: a collector does not stop it for good => return wait;
  return wait > 0 ? Math.min(wait, LONGEST_RETRY_AFTER_MS) : undefined;
}
