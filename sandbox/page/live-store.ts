// What the live page knows, and how it comes: a stream of states and events, and answers to what it asks. Runs in the browser. All of it is bounded: a plugin
// makes as many events and destinations as it likes. Texts are a plugin's, and are shown as text alone (parts.tsx).
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { Status, TopPlugin, TopReport } from '../supervisor/control/control-surface.js';
import { type EventRow, rowOf } from './event-rows.js';
import { addRequest, type RequestSum } from './gateway-requests.js';

const KEPT_EVENTS = 2_000;
const KEPT_SAMPLES = 60;
/** Between two pictures. */
const DRAW_MS = 250;
const AGAIN_MS = 2_000;
const KEY = 'postern-key';

/** Rates of a plugin between two reports, in a second. Null: not known. */
export interface Sample {
  readonly connects: number | null;
  readonly denials: number | null;
  readonly bytes: number | null;
}

export type Connection =
  | { readonly state: 'opening' | 'live' }
  /** `lost`: it tries again by itself. `closed`: only another link helps. */
  | { readonly state: 'lost' | 'closed'; readonly why: string };

interface Line {
  readonly topic: string;
  readonly data: unknown;
}

/** An event as a line, and its number. */
export interface ShownEvent extends EventRow {
  readonly number: number;
  readonly ts: string;
}

export class LiveStore {
  connection: Connection = { state: 'opening' };
  edit = false;
  status: Status | undefined;
  top: TopReport | undefined;
  readonly samples: Map<string, Sample[]> = new Map();
  events: readonly ShownEvent[] = [];
  /** Events that came too fast to be shown. */
  missed = 0;
  readonly requests: Map<string, RequestSum> = new Map();
  readonly #draw: () => void;
  #timer: number | undefined;
  #number = 0;

  constructor(draw: () => void) {
    this.#draw = draw;
  }

  /** Exchanges the token of the link, and listens from then on. */
  async begin(): Promise<void> {
    const token = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
    if (token !== undefined) {
      // It stands in no history.
      history.replaceState(null, '', '/');
      const answer = await post('/session', { token });
      if (typeof answer['key'] !== 'string') {
        this.connection = { state: 'closed', why: String(answer['error']) };
        this.#change();
        return;
      }
      sessionStorage.setItem(KEY, answer['key']);
    }
    for (;;) {
      try {
        await this.#listen();
        this.connection = { state: 'lost', why: 'the page is not served any more' };
      } catch (error) {
        this.connection = { state: 'lost', why: String((error as Error).message) };
      }
      this.#change();
      if (this.isClosed) return;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  get isClosed(): boolean {
    return this.connection.state === 'closed';
  }

  async #listen(): Promise<void> {
    const response = await fetch('/stream', { headers: authorization() });
    if (response.status === 401) {
      this.connection = { state: 'closed', why: 'Open the link that “postern ui” prints.' };
      this.#change();
      // Nothing but another link helps, and that loads the page anew.
      await new Promise(() => {});
    }
    if (!response.ok || response.body === null) throw new Error(`the page got ${response.status}`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = `${rest}${value}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line) as Line);
    }
  }

  #take({ topic, data }: Line): void {
    if (topic !== 'page' && topic !== 'lost') this.connection = { state: 'live' };
    if (topic === 'page') this.edit = (data as { readonly edit: boolean }).edit;
    else if (topic === 'lost') this.connection = { state: 'lost', why: String(data) };
    else if (topic === 'status') this.status = data as Status;
    else if (topic === 'top') this.#sample(data as TopReport);
    else if (topic === 'first') {
      this.events = [];
      this.requests.clear();
      this.#add(data as readonly AuditEvent[], 0);
    } else if (topic === 'events') {
      const { events, missed } = data as { readonly events: readonly AuditEvent[]; readonly missed: number };
      this.#add(events, missed);
    }
    this.#change();
  }

  #add(events: readonly AuditEvent[], missed: number): void {
    this.missed += missed;
    const shown = events.map((event) => {
      addRequest(this.requests, event);
      this.#number += 1;
      return { number: this.#number, ts: event.ts, ...rowOf(event) };
    });
    this.events = [...this.events, ...shown].slice(-KEPT_EVENTS);
  }

  #sample(top: TopReport): void {
    const seconds = (top.at_ms - (this.top?.at_ms ?? top.at_ms)) / 1000;
    const before = new Map(this.top?.plugins.map((plugin) => [plugin.name, plugin]));
    const rate = (now: number | null, then: number | null | undefined): number | null =>
      now === null || then === null || then === undefined || seconds <= 0
        ? null
        : Math.max(0, now - then) / seconds;
    for (const plugin of top.plugins) {
      const last = before.get(plugin.name);
      const sample = {
        connects: rate(plugin.connects, last?.connects),
        denials: rate(plugin.denials, last?.denials),
        bytes: rate(bytesOf(plugin), last && bytesOf(last)),
      };
      const samples = this.samples.get(plugin.name) ?? [];
      this.samples.set(plugin.name, [...samples, sample].slice(-KEPT_SAMPLES));
    }
    for (const name of this.samples.keys())
      if (!top.plugins.some((plugin) => plugin.name === name)) this.samples.delete(name);
    this.top = top;
  }

  #change(): void {
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      this.#draw();
    }, DRAW_MS);
  }
}

/** Asks the control socket. @throws Error with the words of the refusal */
export async function call(method: string, params: unknown): Promise<unknown> {
  const answer = await post('/call', { method, params });
  if (answer['error'] !== undefined) throw new Error(String(answer['error']));
  return answer['result'];
}

async function post(path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...authorization() },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Readonly<Record<string, unknown>>;
}

function authorization(): Readonly<Record<string, string>> {
  const key = sessionStorage.getItem(KEY);
  return key === null ? {} : { Authorization: `Bearer ${key}` };
}

function bytesOf({ sent_bytes: sent, received_bytes: received }: TopPlugin): number | null {
  return sent === null || received === null ? null : sent + received;
}
