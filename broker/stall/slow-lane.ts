// The thread apart for plugins that have been slow: whoever waits for their locks, or for their threads to get a processor, waits there.
// They take turns, and wait for one another; none for longer than a touch may last. Runs in the broker, on the main thread.
import type { Worker } from 'node:worker_threads';
import { duplicate } from '../../shared/sys/fcntl.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Placement } from '../caller/place-socket.js';
import type { Reached } from '../caller/reach-caller.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { FairTurns } from './fair-turns.js';
import { startThread, type Thread } from './start-thread.js';
import { type Touched, touchFields, type WatchedThread } from './touch-watch.js';

interface ReachOrder {
  readonly kind: 'reach';
  readonly tid: number;
  readonly descriptor: number;
  /** None for listen(2). */
  readonly address: { readonly at: bigint; readonly length: number } | undefined;
}

/** Numbers that belong to the thread from here on. */
interface CloseOrder {
  readonly kind: 'close';
  readonly descriptors: readonly number[];
}

type Order = ReachOrder | ({ readonly kind: 'place' } & Placement) | CloseOrder;

/** What goes to the thread. */
export interface SlowOrder {
  readonly order: Order;
  /** A handle of the pid 1 of whom it touches. */
  readonly init: number | undefined;
}

/** What comes back from it. */
export interface Report {
  /** Of a reach, a descriptor's number; of a placement, what it came to; of a close, 0; or minus errno. */
  readonly result: number;
  readonly address?: Uint8Array | number | undefined;
  /** Where it took long. */
  readonly slow?: { readonly killed: boolean; readonly milliseconds: number } | undefined;
}

interface Waiting {
  readonly order: Order;
  readonly touched: Touched;
  /** One's own: a plugin that starts anew has another one meanwhile. */
  readonly init: OwnedFd | undefined;
  readonly resolve: (report: Report) => void;
}

export class SlowLane {
  /** For the watchdog. */
  readonly watched: WatchedThread;
  readonly #worker: Worker;
  readonly #turns = new FairTurns<Touched, Waiting>();
  #underWay: Waiting | undefined;

  constructor({ worker, tid }: Thread, fields: Int32Array) {
    this.watched = { tid, fields };
    this.#worker = worker;
    worker.on('message', (report: Report) => this.#conclude(report));
    worker.unref();
  }

  static async start(): Promise<SlowLane> {
    const fields = touchFields();
    const resourceLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 };
    return new SlowLane(
      await startThread('slow-lane-thread', { workerData: fields, resourceLimits }),
      fields,
    );
  }

  /** As reachCaller(). */
  async reach(touched: Touched, { tid, descriptor, call, notification }: TrappedCall): Promise<Reached> {
    const { result, address } = await this.#order(
      touched,
      {
        kind: 'reach',
        tid,
        descriptor,
        address: call === 'listen' ? undefined : { at: notification.address, length: notification.ints[2] },
      },
      handleOf(touched),
    );
    return { descriptor: result < 0 ? result : new OwnedFd(result), address };
  }

  /** As placeSocket(). @param placement its socket stays open meanwhile; the listener may be closed when its sandbox ends */
  async place(touched: Touched, placement: Placement): Promise<number> {
    const listener = duplicate(placement.listener);
    try {
      const order = { kind: 'place', ...placement, listener: listener.number } as const;
      return (await this.#order(touched, order, handleOf(touched))).result;
    } finally {
      listener.close();
    }
  }

  /** Closes what a plugin can make whoever closes it last wait for. @param ends owned by the lane from here on */
  async close(touched: Touched, ends: readonly OwnedFd[]): Promise<void> {
    let init: OwnedFd | undefined;
    try {
      init = handleOf(touched);
    } catch {
      // No descriptor is left for it (EMFILE): nothing is ended then, whatever it makes the lane wait for.
    }
    const descriptors = ends.map((end) => end.release());
    await this.#order(touched, { kind: 'close', descriptors }, init);
  }

  #order(touched: Touched, order: Order, init: OwnedFd | undefined): Promise<Report> {
    return new Promise((resolve) => {
      this.#turns.add(touched, { order, touched, init, resolve });
      this.#sendNext();
    });
  }

  #sendNext(): void {
    if (this.#underWay !== undefined) return;
    this.#underWay = this.#turns.next();
    if (this.#underWay === undefined) return;
    const { order, init } = this.#underWay;
    this.#worker.postMessage({ order, init: init?.number } satisfies SlowOrder);
  }

  #conclude(report: Report): void {
    const ended = this.#underWay;
    this.#underWay = undefined;
    this.#sendNext();
    if (ended === undefined) return;
    ended.init?.close();
    if (report.slow !== undefined) ended.touched.wasSlowApart(report.slow.killed, report.slow.milliseconds);
    ended.resolve(report);
  }
}

/** Of the pid 1 of the sandbox that a plugin has now. */
function handleOf({ init }: Touched): OwnedFd | undefined {
  return init?.open === true ? duplicate(init.number) : undefined;
}
