// A thread that carries out orders for plugins, one at a time: see connect-thread.ts. The plugins take turns on it. It starts with its first order, and
// a watch looks whether an order keeps it waiting. Runs on the supervisor's main thread.
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { FairTurns } from '../../../shared/fair-turns.js';
import { endNativeThread, startNativeThread } from '../../../shared/native-thread.js';
import type { ThreadOrder } from './connect-thread.js';

const { EAGAIN } = constants.errno;

/** The number of a trap, or the name of a plugin. */
export type Owner = number | string;

/** @typeParam R a result besides 0 or more, and minus errno */
export interface Ordered<R = never> {
  readonly owner: Owner;
  /** Called when its turn has come. It throws if the sandbox has ended. */
  readonly order: () => ThreadOrder;
  /** Gets -EAGAIN if there is no order or no thread. */
  readonly done: (result: R | number) => void;
}

interface LaneWatch {
  /** From one look to the next. */
  readonly everyMs: number;
  /** Whether a thread in this state waits for the owner, proc_pid_stat(5). */
  readonly waits: (state: string) => boolean;
  /** @param looks at this order that have found the thread waiting, with this one */
  readonly takesLong: (owner: Owner, looks: number) => void;
}

export class Lane<R = never> {
  readonly #turns = new FairTurns<Owner, Ordered<R>>();
  readonly #look: LaneWatch;
  #underWay: Ordered<R> | undefined;
  #worker: Worker | undefined;
  #thread: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(look: LaneWatch) {
    this.#look = look;
  }

  add(ordered: Ordered<R>): void {
    // protects: G9 unix orders: sandboxes take turns (as root) => this.#turns.add(0, ordered);
    this.#turns.add(ordered.owner, ordered);
    this.#next();
  }

  /** For the thread, if there is one. It gets no report. */
  tell(order: ThreadOrder): void {
    this.#worker?.postMessage(order);
  }

  /** Takes out what is not under way. */
  takeWaiting(): readonly Ordered<R>[] {
    const waiting: Ordered<R>[] = [];
    for (let next = this.#turns.next(); next !== undefined; next = this.#turns.next()) waiting.push(next);
    return waiting;
  }

  /** Ends the thread after its last order. */
  end(): void {
    this.#ended = true;
    this.#next();
  }

  #next(): void {
    if (this.#underWay !== undefined) return;
    const ordered = this.#turns.next();
    if (ordered === undefined) {
      if (this.#ended && this.#worker !== undefined) endNativeThread(this.#worker);
      return;
    }
    this.#underWay = ordered;
    try {
      this.#worker ??= this.#start();
      this.#worker.postMessage(ordered.order());
      this.#watch(ordered);
    } catch {
      // The sandbox has ended, or no descriptor or no memory is left for a thread.
      this.#failed();
    }
  }

  #start(): Worker {
    const worker = startNativeThread('connect-thread');
    worker.on('message', (report: { readonly result: R | number } | number) => {
      if (typeof report === 'number') this.#thread = report;
      else this.#finish(report.result);
    });
    worker.on('error', () => {
      this.#worker = undefined;
      this.#thread = undefined;
      if (this.#underWay !== undefined) this.#failed();
    });
    // After the listeners, which would keep the process alive.
    worker.unref();
    return worker;
  }

  /** The next order tries again, after other events. */
  #failed(): void {
    setImmediate(() => this.#finish(-EAGAIN));
  }

  #finish(result: R | number): void {
    const ended = this.#underWay;
    this.#underWay = undefined;
    clearTimeout(this.#timer);
    this.#next();
    ended?.done(result);
  }

  #watch(ordered: Ordered<R>, looks = 0): void {
    const { everyMs, waits, takesLong } = this.#look;
    const look = (): void => {
      if (this.#underWay !== ordered) return;
      const state = this.#state();
      const waiting = looks + (state !== undefined && waits(state) ? 1 : 0);
      if (waiting > looks) takesLong(ordered.owner, waiting);
      this.#watch(ordered, waiting);
    };
    // A report that has come while this thread was busy is read before the look.
    this.#timer = setTimeout(() => setImmediate(look), everyMs).unref();
  }

  /** Undefined: the thread has not started. */
  #state(): string | undefined {
    try {
      const stat = readFileSync(`/proc/self/task/${this.#thread}/stat`, 'latin1');
      return stat.charAt(stat.lastIndexOf(')') + 2);
    } catch {
      return undefined;
    }
  }
}
