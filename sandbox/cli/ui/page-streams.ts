// What the open pages watch. One client of the control socket asks for all of them, and only while there is one. A page that reads slowly, or not at all, gets
// the newest state and is told how many events it missed: what is kept for it is bounded. Runs in the process of the page.
import type { ServerResponse } from 'node:http';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import { describeError } from '../say.js';
import type { ControlLine } from './control-line.js';

const MOST_PAGES = 16;
const FLUSH_MS = 250;
/** Events that wait for one page. A page shows no more between two looks. */
const WAITING_EVENTS = 250;
/** What a page begins with. */
const FIRST_EVENTS = 500;
const TOP_MS = 1_000;
const STATUS_MS = 1_000;
const AGAIN_MS = 2_000;
/** A page that takes nothing for so long is disconnected. */
const STUCK_MS = 60_000;

export class PageStreams {
  readonly #control: Pick<ControlLine, 'own'>;
  readonly #pages = new Set<Page>();
  readonly #timer: NodeJS.Timeout;
  /** Of the watches that there are: an answer that comes after their end is for nobody. */
  #round = 0;
  #again: NodeJS.Timeout | undefined;

  constructor(control: Pick<ControlLine, 'own'>) {
    this.#control = control;
    this.#timer = setInterval(() => {
      for (const page of this.#pages) page.flush();
    }, FLUSH_MS);
    this.#timer.unref();
  }

  /** @returns false if there are too many pages already */
  add(response: ServerResponse): boolean {
    // protects: G21 ui: pages are bounded
    if (this.#pages.size >= MOST_PAGES) return false;
    const page = new Page(response);
    this.#pages.add(page);
    response.once('close', () => {
      this.#pages.delete(page);
      if (this.#pages.size === 0) this.#end();
    });
    // It begins with what is there: so all begin anew.
    void this.#begin();
    return true;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#end();
    for (const page of this.#pages) page.close();
  }

  async #begin(): Promise<void> {
    this.#end();
    const round = this.#round;
    const isOver = (): boolean => round !== this.#round;
    try {
      const client = await this.#control.own();
      if (isOver()) return client.close();
      this.#stop = () => client.close();
      const state = (topic: string) => (value: unknown) => {
        if (!isOver()) for (const page of this.#pages) page.put(topic, value);
      };
      const [top, status] = [state('top'), state('status')];
      const watched = (tell: (value: unknown) => void) => (news: { readonly state?: unknown }) =>
        tell(news.state);
      top(await client.watch('top', {}, TOP_MS, watched(top)));
      status(await client.watch('status', {}, STATUS_MS, watched(status)));
      const now = await client.watch('events', { limit: FIRST_EVENTS }, undefined, (news) => {
        if (!isOver()) for (const page of this.#pages) page.add(news.event as AuditEvent, news.missed ?? 0);
      });
      state('first')((now as { readonly events: unknown }).events);
      await client.ended;
      throw new Error('postern has ended, or closed the connection');
    } catch (error) {
      if (isOver()) return;
      for (const page of this.#pages) page.put('lost', describeError(error).join('; '));
      this.#again = setTimeout(() => void this.#begin(), AGAIN_MS);
    }
  }

  #stop: () => void = () => {};

  #end(): void {
    this.#round += 1;
    clearTimeout(this.#again);
    this.#stop();
    this.#stop = () => {};
  }
}

class Page {
  readonly #response: ServerResponse;
  /** The newest of each topic that was not sent. */
  readonly #states = new Map<string, unknown>();
  #events: AuditEvent[] = [];
  #missed = 0;
  #stuckSince: number | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  put(topic: string, value: unknown): void {
    this.#states.set(topic, value);
    // What was there before is in it.
    if (topic === 'first') this.#events = [];
  }

  add(event: AuditEvent, missed: number): void {
    this.#missed += missed;
    this.#events.push(event);
    // In steps: each removal moves all that are left. The newest stay.
    const over = this.#events.length - WAITING_EVENTS;
    // protects: G21 ui: events that wait for a page are bounded
    if (over > WAITING_EVENTS) {
      this.#events.splice(0, over);
      this.#missed += over;
    }
  }

  flush(): void {
    const response = this.#response;
    if (response.writableNeedDrain) {
      this.#stuckSince ??= performance.now();
      if (performance.now() - this.#stuckSince > STUCK_MS) response.destroy();
      return;
    }
    this.#stuckSince = undefined;
    const lines = [...this.#states].map(([topic, data]) => ({ topic, data }));
    if (this.#events.length > 0) {
      lines.push({ topic: 'events', data: { events: this.#events, missed: this.#missed } });
      this.#events = [];
      this.#missed = 0;
    }
    this.#states.clear();
    if (lines.length > 0) response.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  close(): void {
    this.#response.destroy();
  }
}
