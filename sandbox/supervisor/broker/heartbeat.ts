// Asks a broker again and again whether it still answers. Runs in the supervisor. A broker that hangs holds up every plugin, and no signal
// tells of it.

import { readFileSync } from 'node:fs';
import { HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS, STALLED_TIMEOUT_MS } from '../../../shared/limits.js';
import type { BrokerLine } from '../../../shared/protocol/link.js';
import type { BrokerLines } from './broker-lines.js';

/** Without an answer for this long, /healthz says that no broker answers. */
const HEARTBEAT_LATE_MS = 1_500;
/** The same, where the broker waits for a processor meanwhile. */
const HEARTBEAT_BUSY_MS = 20_000;

const NANOSECONDS = 1_000_000;
/** A broker that works has or wants a processor for a tenth of the time at least. */
const WORKS = 0.1 * HEARTBEAT_MS;

/** The way to a broker. */
interface AskedLines extends Pick<BrokerLines, 'send' | 'nextId' | 'receivedBytes'> {
  on(event: 'line', listener: (line: BrokerLine) => void): unknown;
}

export class Heartbeat {
  readonly #pid: number;
  readonly #lines: AskedLines;
  readonly #onVerdict: (verdict: Verdict) => void;
  readonly #onStalled: (plugin: string) => void;
  readonly #timer: NodeJS.Timeout;
  #silence: Silence;
  #answeredAt = performance.now();
  #query: number | undefined;
  #stalledBy: string | undefined;
  #verdict: Verdict = 'answers';
  #pauses = 0;
  #worked = 0;
  /** What the broker had sent at the last look. */
  #received = 0;

  /**
   * @param onVerdict called at each change
   * @param onStalled called when a broker answers that was silent for STALLED_TIMEOUT_MS after it had asked for the end of that plugin's sandbox
   */
  constructor(
    pid: number,
    lines: AskedLines,
    onVerdict: (verdict: Verdict) => void,
    onStalled: (plugin: string) => void,
  ) {
    this.#pid = pid;
    this.#lines = lines;
    this.#onVerdict = onVerdict;
    this.#onStalled = onStalled;
    this.#silence = newSilence(performance.now(), processorWait(pid));
    lines.on('line', (line) => {
      if (line.type === 'pong' && line.id === this.#query) this.#answered();
    });
    this.#timer = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#timer.unref();
  }

  /** Whether the broker answered in time when it was last looked at. */
  get answers(): boolean {
    return this.#verdict === 'answers';
  }

  get hung(): boolean {
    return this.#verdict === 'hung';
  }

  /** Seconds since the last answer. */
  get ageSeconds(): number {
    return (performance.now() - this.#answeredAt) / 1_000;
  }

  /** The plugin whose sandbox the broker had ended because it waited for it, if the broker has not answered since. */
  get stalledBy(): string | undefined {
    return this.#stalledBy;
  }

  /**
   * The broker has asked for the end of a plugin's sandbox. If it did so because it waits for that sandbox, the end lets it go on. If it does not, the
   * kernel works for the plugin on the broker's thread, perhaps for long: then the broker has STALLED_TIMEOUT_MS.
   */
  askedToEnd(plugin: string): void {
    this.#stalledBy = plugin;
    // A query that waits already may have come long before.
    this.#silence = newSilence(performance.now(), processorWait(this.#pid));
    if (this.#query === undefined) this.#ask();
  }

  /** While the broker works on something long that was asked of it, silence is no fault. */
  async excuse<T>(work: Promise<T>): Promise<T> {
    this.#pauses += 1;
    try {
      return await work;
    } finally {
      this.#pauses -= 1;
      this.#silence = newSilence(performance.now(), processorWait(this.#pid));
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    if (
      /* protects: G11 a broker that hangs while it gets rules is replaced */ this.#works() &&
      this.#pauses > 0
    ) {
      this.#silence = newSilence(performance.now(), processorWait(this.#pid));
      return;
    }
    if (this.#query === undefined) {
      this.#silence = newSilence(performance.now(), processorWait(this.#pid));
      this.#ask();
      return;
    }
    const heard = this.#lines.receivedBytes > this.#received;
    this.#received = this.#lines.receivedBytes;
    this.#silence = laterSilence(this.#silence, performance.now(), processorWait(this.#pid), heard);
    this.#take(
      judgeSilence(
        this.#silence,
        /* protects: G9 a broker that works for a sandbox past its end is replaced soon => undefined */ this
          .#stalledBy === undefined
          ? HEARTBEAT_TIMEOUT_MS
          : STALLED_TIMEOUT_MS,
      ),
    );
  }

  #ask(): void {
    this.#received = this.#lines.receivedBytes;
    this.#query = this.#lines.nextId();
    this.#lines.send({ type: 'ping', id: this.#query });
  }

  /** Whether it has worked since the last look. Where the kernel does not count that, it always does. */
  #works(): boolean {
    const { ran, waited } = processorTime(this.#pid);
    const worked = ran + waited;
    const before = this.#worked;
    this.#worked = worked;
    return worked === 0 || worked - before >= WORKS;
  }

  #answered(): void {
    const stalledBy = this.#stalledBy;
    this.#query = undefined;
    this.#stalledBy = undefined;
    this.#answeredAt = performance.now();
    const { own } = laterSilence(this.#silence, this.#answeredAt, processorWait(this.#pid), false);
    this.#take('answers');
    // protects: G9 a plugin that holds up the broker past its end, and then lets it go, is not started again => void [stalledBy, own];
    if (stalledBy !== undefined && own >= STALLED_TIMEOUT_MS) this.#onStalled(stalledBy);
  }

  #take(verdict: Verdict): void {
    if (verdict === this.#verdict) return;
    this.#verdict = verdict;
    this.#onVerdict(verdict);
  }
}

/**
 * How long the main thread of a process has had a processor, and has waited for one, in milliseconds: /proc/PID/schedstat, proc(5). 0 on a
 * kernel that does not count it.
 */
function processorTime(pid: number): { readonly ran: number; readonly waited: number } {
  try {
    const [ran = 0, waited = 0] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number);
    return { ran: ran / NANOSECONDS, waited: waited / NANOSECONDS };
  } catch {
    return { ran: 0, waited: 0 };
  }
}

const processorWait = (pid: number): number => processorTime(pid).waited;

// How long a broker has not answered, and what follows from that. Pure: the caller says what the clock and the kernel show.

/** What was seen since the last answer. Times in milliseconds. */
interface Silence {
  /** When it was last looked at, on a clock that only goes forward. */
  readonly at: number;
  /** How long the broker's thread has waited for a processor in its life. */
  readonly waited: number;
  /** The length of the silence. */
  readonly whole: number;
  /** The part of it in which nothing came from the broker, although it had a processor or did not ask for one. */
  readonly own: number;
}

export type Verdict = 'answers' | 'late' | 'hung';

/** An answer has come: the silence begins anew. */
export function newSilence(now: number, waited: number): Silence {
  return { at: now, waited, whole: 0, own: 0 };
}

/**
 * The silence at a later look. If this process itself did not run for long, it could not read an answer: of that time only two intervals count.
 *
 * @param now on the same clock
 * @param waited how long the broker's thread has waited for a processor in its life
 * @param heard whether something else came from the broker meanwhile. The answer may wait behind it, for example behind many audit lines
 */
export function laterSilence(silence: Silence, now: number, waited: number, heard: boolean): Silence {
  const passed = Math.min(Math.max(now - silence.at, 0), 2 * HEARTBEAT_MS);
  const excused =
    /* protects: G11 a broker whose answer waits behind audit lines is not replaced => false */ heard
      ? passed
      : Math.min(Math.max(waited - silence.waited, 0), passed);
  return { at: now, waited, whole: silence.whole + passed, own: silence.own + passed - excused };
}

/** @param timeoutMs how long the broker may be silent */
export function judgeSilence({ whole, own }: Silence, timeoutMs: number = HEARTBEAT_TIMEOUT_MS): Verdict {
  if (own >= timeoutMs || whole >= HEARTBEAT_BUSY_MS) return 'hung';
  return own >= HEARTBEAT_LATE_MS ? 'late' : 'answers';
}
