// One client of the control socket: reads its lines, answers them, and sends what it watches. Runs in the supervisor, and trusts no byte. A client that
// does not read, or sends too much, waits alone: everything that is kept for it is bounded.

import { Socket } from 'node:net';
import * as z from 'zod';
import { asciiJson } from '../../../shared/ascii-json.js';
import { CONTROL_LINE_BYTES } from '../../../shared/limits.js';
import { LineReader } from '../../../shared/line-reader.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { type Method, read, type Watching } from './methods.js';
import { answerLine, GREETING, RpcError, refuseLine } from './rpc.js';

/** How long a client may take to send one line. */
const CONTROL_LINE_MS = 10_000;
/** Requests of one client that are under way. Past it the client is not read. */
const CONTROL_REQUESTS = 16;
/** Lines of one client that are read before the event loop turns to other work. */
const CONTROL_LINES_PER_TURN = 32;
/** Answers that a client has not read. Past it the client is not read, and what it watches leaves out what comes. */
const CONTROL_BACKLOG_BYTES = 1024 * 1024;
/** A client that leaves answers unread for this long is disconnected. */
const CONTROL_STUCK_MS = 30_000;
/** What one client watches, and the shortest time from one report to the next. */
const CONTROL_WATCHES = 16;
const CONTROL_LEAST_INTERVAL_MS = 250;

/** How long a client may keep postern waiting, in milliseconds. */
export interface ControlTimes {
  /** From the first byte of a line to its end. */
  readonly lineMs: number;
  /** In which it reads none of its answers. */
  readonly stuckMs: number;
}

export const CONTROL_TIMES: ControlTimes = { lineMs: CONTROL_LINE_MS, stuckMs: CONTROL_STUCK_MS };

export class ControlSession {
  readonly #socket: Socket;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #watches: Watches;
  readonly #reader = new LineReader((line) => this.#lines.push(line), CONTROL_LINE_BYTES);
  readonly #lines: string[] = [];
  readonly #onGone: () => void;
  readonly #times: ControlTimes;
  #underWay = 0;
  #ended = false;
  #turning = false;
  #lineTimer: NodeJS.Timeout | undefined;
  #stuckTimer: NodeJS.Timeout | undefined;
  /** When it last sent something, performance.now(). */
  activeAt: number = performance.now();

  /** @param connection of a client that may ask, owned from here on @param onGone called once */
  constructor(
    connection: OwnedFd,
    methods: ReadonlyMap<string, Method>,
    onGone: () => void,
    times: ControlTimes = CONTROL_TIMES,
  ) {
    this.#methods = methods;
    this.#times = times;
    this.#onGone = onGone;
    this.#socket = new Socket({
      fd: connection.release(),
      readable: true,
      writable: true,
      allowHalfOpen: true,
    });
    this.#watches = new Watches(methods, {
      hasRoom: () => this.#hasRoom,
      send: (notification) => this.#send(notification),
    });
    this.#socket
      .on('data', (chunk) => this.#take(chunk))
      .on('end', () => {
        // It may have closed the connection or only its own half: that does not show. So it watches nothing any more.
        this.#ended = true;
        this.#watches.endAll();
        this.#work();
      })
      .on('drain', () => this.#work())
      .on('error', () => this.#socket.destroy())
      .on('close', () => this.#forget())
      .write(GREETING);
  }

  /** Whether it waits for nothing of postern. */
  get isIdle(): boolean {
    return this.#underWay === 0 && this.#watches.size === 0;
  }

  /** Sends a last word, and ends the connection once the client has it, or after the time. */
  close(message: string | undefined, milliseconds: number): Promise<void> {
    this.#watches.endAll();
    if (this.#socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#socket.destroy(), milliseconds);
      this.#socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      if (message !== undefined) this.#send(refuseLine(message));
      this.#socket.end(() => this.#socket.destroy());
    });
  }

  get #hasRoom(): boolean {
    // protects: G21 control: a client that never reads is not kept for => return true;
    return this.#socket.writableLength < CONTROL_BACKLOG_BYTES;
  }

  #take(chunk: Buffer): void {
    if (this.#socket.writableEnded) return;
    this.activeAt = performance.now();
    const before = this.#lines.length;
    if (!this.#reader.push(chunk)) {
      void this.close(`A line has at most ${CONTROL_LINE_BYTES} bytes`, this.#times.lineMs);
      return;
    }
    this.#timeLine(this.#lines.length > before);
    this.#work();
  }

  /** The time counts from the first byte of the line: a client that sends a byte now and then wins nothing. */
  #timeLine(isNext: boolean): void {
    if (
      /* protects: G21 control: a client that sends a byte now and then is not waited for => true */ isNext ||
      !this.#reader.inLine
    ) {
      clearTimeout(this.#lineTimer);
      this.#lineTimer = undefined;
    }
    const { lineMs } = this.#times;
    if (this.#reader.inLine)
      this.#lineTimer ??= setTimeout(() => void this.close('The line has no end', lineMs), lineMs);
  }

  /** Answers the lines that wait, as far as there is room for answers. Until none waits, the client is not read. */
  #work(): void {
    if (this.#turning || this.#socket.destroyed) return;
    for (let left = CONTROL_LINES_PER_TURN; this.#lines.length > 0 && this.#mayAnswer; left -= 1) {
      if (left === 0) {
        this.#turning = true;
        setImmediate(() => {
          this.#turning = false;
          this.#work();
        });
        break;
      }
      void this.#answer(this.#lines.shift() ?? '');
    }
    if (this.#lines.length > 0) this.#pause();
    else if (this.#socket.isPaused()) {
      this.#socket.resume();
      this.#timeLine(false);
    }
    if (this.#ended && this.#lines.length === 0 && this.isIdle && !this.#socket.writableEnded)
      this.#socket.end();
  }

  /** What it sends meanwhile waits for postern, and not postern for it. */
  #pause(): void {
    this.#socket.pause();
    clearTimeout(this.#lineTimer);
    this.#lineTimer = undefined;
  }

  get #mayAnswer(): boolean {
    return this.#underWay < CONTROL_REQUESTS && this.#hasRoom;
  }

  async #answer(line: string): Promise<void> {
    if (line.trim() === '') return;
    this.#underWay += 1;
    const answer = await answerLine(line, (method, params) => this.#call(method, params));
    this.#underWay -= 1;
    if (answer !== undefined) this.#send(answer);
    this.#work();
  }

  #call(method: string, params: unknown): unknown {
    if (method === 'watch') return this.#watches.begin(params);
    if (method === 'unwatch') return this.#watches.end(params);
    const found = this.#methods.get(method);
    if (found === undefined) {
      const names = [...this.#methods.keys(), 'watch', 'unwatch'].join(', ');
      throw new RpcError('method', `There is no such method; there are ${names}`);
    }
    return found.call(params);
  }

  #send(value: unknown): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(`${asciiJson(value)}\n`, () => {
      clearTimeout(this.#stuckTimer);
      this.#stuckTimer = undefined;
      this.#timeReading();
    });
    this.#timeReading();
  }

  /** From each answer that it has taken to the next one. */
  #timeReading(): void {
    if (this.#socket.destroyed || this.#socket.writableLength === 0) return;
    // protects: G21 control: a client that reads nothing is disconnected
    this.#stuckTimer ??= setTimeout(() => this.#socket.destroy(), this.#times.stuckMs);
  }

  #forget(): void {
    clearTimeout(this.#lineTimer);
    clearTimeout(this.#stuckTimer);
    this.#watches.endAll();
    this.#lines.length = 0;
    this.#onGone();
  }
}

// What one client of the control socket watches: `watch` and `unwatch`, and the notifications.

const WATCH = z.strictObject({
  method: z.string().max(64),
  params: z.record(z.string(), z.unknown()).default({}),
  interval_ms: z.int().min(CONTROL_LEAST_INTERVAL_MS).max(3_600_000).default(2_000),
});
const UNWATCH = z.strictObject({ watch: z.int() });

interface WatchOutput {
  /** Whether the client takes what is sent. */
  readonly hasRoom: () => boolean;
  readonly send: (notification: unknown) => void;
}

class Watches {
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #output: WatchOutput;
  readonly #ends = new Map<number, () => void>();
  #number = 0;
  #over = false;

  constructor(methods: ReadonlyMap<string, Method>, output: WatchOutput) {
    this.#methods = methods;
    this.#output = output;
  }

  get size(): number {
    return this.#ends.size;
  }

  /** @throws RpcError `params`, `failed`; PosternError as the method does */
  async begin(params: unknown): Promise<{ readonly watch: number; readonly now: unknown }> {
    const { method, params: asked, interval_ms: interval } = read(WATCH, params);
    const { call, watching } = this.#methods.get(method) ?? {};
    if (call === undefined || watching === undefined)
      throw new RpcError('params', `Nothing to watch: "${method}"`);
    if (this.#ends.size >= CONTROL_WATCHES)
      throw new RpcError('failed', `A client has ${CONTROL_WATCHES} watches at most; end one`);
    this.#number += 1;
    const watch = this.#number;
    // Nothing happens between the answer and the begin, so no event is lost and none comes twice.
    const now = watching.kind === 'events' && watching.now !== undefined ? watching.now(asked) : call(asked);
    if (this.#over) return { watch, now: await now };
    if (watching.kind === 'events') this.#ends.set(watch, this.#tell(watch, watching, asked));
    else
      this.#ends.set(
        watch,
        this.#report(watch, () => call(asked), interval),
      );
    try {
      return { watch, now: await now };
    } catch (error) {
      this.end({ watch });
      throw error;
    }
  }

  #tell(watch: number, { begin }: Watching & { readonly kind: 'events' }, asked: unknown): () => void {
    let missed = 0;
    return begin(asked, (event) => {
      if (!this.#output.hasRoom()) missed += 1;
      else {
        this.#notify(watch, { event, ...(missed === 0 ? {} : { missed }) });
        missed = 0;
      }
    });
  }

  /** @throws RpcError `params` */
  end(params: unknown): { readonly watch: number } {
    const { watch } = read(UNWATCH, params);
    const end = this.#ends.get(watch);
    if (end === undefined) throw new RpcError('params', `There is no watch ${watch}`);
    this.#ends.delete(watch);
    end();
    return { watch };
  }

  /** The client watches nothing any more: what it still asks to watch, it is told once. */
  endAll(): void {
    this.#over = true;
    for (const end of this.#ends.values()) end();
    this.#ends.clear();
  }

  /** A client that reads slowly gets fewer reports. */
  #report(watch: number, ask: () => unknown, interval: number): () => void {
    let busy = false;
    const tell = async (): Promise<void> => {
      if (busy || !this.#output.hasRoom()) return;
      busy = true;
      try {
        const state = await ask();
        if (this.#ends.has(watch)) this.#notify(watch, { state });
      } catch {
        // The supervisor ends, or has no broker now. The next report may work.
      } finally {
        busy = false;
      }
    };
    const timer = setInterval(() => void tell(), interval);
    return () => clearInterval(timer);
  }

  #notify(watch: number, news: Readonly<Record<string, unknown>>): void {
    this.#output.send({ jsonrpc: '2.0', method: 'watched', params: { watch, ...news } });
  }
}
