// Watches over what touches a plugin. A call that reads a plugin's memory, takes its descriptor or acts on its socket waits for
// locks that the plugin can hold; the thread waits with it, and every other plugin that it serves. A thread apart sees how long
// that takes, and ends the plugin past a limit. Runs in the broker, on each thread that touches plugins.
import { once } from 'node:events';
import { constants } from 'node:os';
import { TOUCH_BUDGET_MS, TOUCH_BUDGET_SHARE, TOUCH_LIMIT_MS, TOUCH_SLOW_MS } from '../../shared/limits.js';
import type { SlowAction } from '../../shared/reasons.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { signalPidfd } from '../../shared/sys/pidfd.js';
import { threadMilliseconds } from '../../shared/sys/thread-time.js';
import { startThread } from './start-thread.js';

/** Whom a touch is of, as the watch knows it. */
export interface Touchable {
  /** A handle of the sandbox's pid 1; without it nothing is ended. */
  readonly init: Pick<OwnedFd, 'number' | 'open'> | undefined;
  readonly limitMs: number;
  /** Whether a touch of it was slow before: from then on its processor time is measured. */
  readonly slow: boolean;
  /** @param milliseconds that a touch has lasted, more than TOUCH_SLOW_MS */
  wasSlow(killed: boolean, milliseconds: number): void;
}

/** The sandbox that a plugin has now. */
export class Touched implements Touchable {
  readonly #onSlow: (how: SlowAction, milliseconds: number) => void;
  #init: OwnedFd | undefined;
  #slow = false;
  #killed = false;
  #spentMs = 0;
  #spentAt = 0;

  /** @param onSlow told of each touch that was slow */
  constructor(onSlow: (how: SlowAction, milliseconds: number) => void) {
    this.#onSlow = onSlow;
  }

  get init(): OwnedFd | undefined {
    return this.#init;
  }

  /** Whether a touch of this sandbox was slow. */
  get slow(): boolean {
    return this.#slow;
  }

  /**
   * How long a touch may last. A plugin that was slow has a budget for what follows, which fills again slowly: on a busy machine
   * locks are held longer than anybody meant.
   */
  get limitMs(): number {
    return this.#slow ? Math.max(TOUCH_SLOW_MS, this.#budgetMs()) : TOUCH_LIMIT_MS;
  }

  /** A new sandbox has the name from here on. @param init owned from here on */
  begin(init: OwnedFd | undefined): void {
    this.#init?.close();
    this.#init = init;
    this.#slow = false;
    this.#killed = false;
    this.#spentMs = 0;
  }

  wasSlow(killed: boolean, milliseconds: number): void {
    this.#onSlow(this.#isFirst(killed) ? 'killed' : this.#slow ? 'waited' : 'demoted', milliseconds);
    if (this.#slow) {
      this.#spentMs = TOUCH_BUDGET_MS - this.#budgetMs() + milliseconds;
      this.#spentAt = performance.now();
    }
    this.#slow = true;
  }

  /** A touch on the thread apart, where nobody waits but those that were slow themselves: it costs no budget. */
  wasSlowApart(killed: boolean, milliseconds: number): void {
    this.#onSlow(this.#isFirst(killed) ? 'killed' : 'waited', milliseconds);
  }

  /** A sandbox that was told to end is told of once: it may be touched until it has. */
  #isFirst(killed: boolean): boolean {
    const isFirst = killed && !this.#killed;
    this.#killed ||= killed;
    return isFirst;
  }

  #budgetMs(): number {
    const regained = (performance.now() - this.#spentAt) * TOUCH_BUDGET_SHARE;
    return TOUCH_BUDGET_MS - Math.max(0, this.#spentMs - regained);
  }
}

/**
 * Fields of the memory that both threads see. `looks`: how often the watchdog has looked at this touch; `held`: and found the thread
 * asleep, or the kernel at work for it.
 */
export const TOUCH_FIELDS = {
  init: 0,
  touch: 1,
  limit: 2,
  killed: 3,
  looks: 4,
  held: 5,
  count: 6,
} as const;

/** A thread that touches plugins, and what it tells of that. */
export interface WatchedThread {
  readonly tid: number;
  readonly fields: Int32Array;
}

/** Memory that a thread and the one that watches it both see. */
export function touchFields(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * TOUCH_FIELDS.count));
}

/** The thread that watches those that touch plugins. @returns what gives it those; it watches once that has resolved */
export async function startTouchWatchdog(): Promise<(threads: readonly WatchedThread[]) => Promise<void>> {
  const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 };
  const { worker } = await startThread('touch-watchdog', { resourceLimits });
  return async (threads) => {
    worker.postMessage(threads);
    await once(worker, 'message');
  };
}

/** What one thread touches. */
export class TouchWatch {
  readonly #fields: Int32Array;
  #underWay = false;

  /** @param fields those that the watchdog knows */
  constructor(fields: Int32Array) {
    this.#fields = fields;
  }

  /** Does what touches a plugin. One touch may be part of another, of the same plugin. */
  touch<T>(touched: Touchable, work: () => T): T {
    const fields = this.#fields;
    if (this.#underWay) return work();
    this.#underWay = true;
    const { init } = touched;
    const worked = touched.slow ? threadMilliseconds() : undefined;
    const started = performance.now();
    fields[TOUCH_FIELDS.limit] = touched.limitMs;
    fields[TOUCH_FIELDS.killed] = 0;
    fields[TOUCH_FIELDS.looks] = 0;
    fields[TOUCH_FIELDS.held] = 0;
    // Wraps around.
    Atomics.add(fields, TOUCH_FIELDS.touch, 1);
    Atomics.store(fields, TOUCH_FIELDS.init, init?.open === true ? init.number : 0);
    try {
      return work();
    } finally {
      this.#underWay = false;
      Atomics.store(fields, TOUCH_FIELDS.init, 0);
      const milliseconds = performance.now() - started;
      if (milliseconds > TOUCH_SLOW_MS) {
        this.#note(touched, milliseconds, worked === undefined ? 0 : threadMilliseconds() - worked);
      }
    }
  }

  /**
   * Time that the thread had no processor for, on a busy machine, is not the plugin's doing: nothing held it then. What the kernel does
   * for it may keep the watchdog from seeing it at work, so a touch that took that long is judged here.
   *
   * @param workedMs processor time, where it was measured
   */
  #note(touched: Touchable, milliseconds: number, workedMs: number): void {
    const fields = this.#fields;
    const worked = 2 * workedMs >= milliseconds;
    if (!worked && 2 * Atomics.load(fields, TOUCH_FIELDS.held) < Atomics.load(fields, TOUCH_FIELDS.looks))
      return;
    let killed = Atomics.exchange(fields, TOUCH_FIELDS.killed, 0) === 1;
    if (!killed && workedMs >= Atomics.load(fields, TOUCH_FIELDS.limit) && touched.init?.open === true) {
      signalPidfd(touched.init.number, constants.signals.SIGKILL);
      killed = true;
    }
    touched.wasSlow(killed, milliseconds);
  }
}
