// The thread apart for plugins that have been slow: whoever waits for their locks, or for their threads to get a processor, waits there.
// They may wait for one another. Runs in the broker, on the main thread.
import type { Worker } from 'node:worker_threads';
import { duplicate } from '../../shared/sys/fcntl.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { startThread } from '../start-thread.js';
import type { Placement } from './place-socket.js';
import type { Reached } from './reach-caller.js';
import type { TrappedCall } from './trapped-call.js';

interface ReachOrder {
  readonly kind: 'reach';
  readonly tid: number;
  readonly descriptor: number;
  /** None for listen(2). */
  readonly address: { readonly at: bigint; readonly length: number } | undefined;
}

type Order = ReachOrder | ({ readonly kind: 'place' } & Placement);

/** What goes to the thread. */
export type SlowOrder = Order & { readonly number: number };

/** What comes back from it. */
export interface Report {
  readonly number: number;
  /** Of a reach, a descriptor's number; of a placement, what it came to; or minus errno. */
  readonly result: number;
  readonly address?: Uint8Array | number | undefined;
}

export class SlowReach {
  readonly #worker: Worker;
  #next = 1;
  readonly #waiting = new Map<number, (report: Report) => void>();

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (report: Report) => {
      const resolve = this.#waiting.get(report.number);
      this.#waiting.delete(report.number);
      resolve?.(report);
    });
    worker.unref();
  }

  static async start(): Promise<SlowReach> {
    const limits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 };
    return new SlowReach(await startThread('trap/slow-worker', { resourceLimits: limits }));
  }

  /** As reachCaller(). */
  async reach({ tid, descriptor, call, notification }: TrappedCall): Promise<Reached> {
    const { result, address } = await this.#order({
      kind: 'reach',
      tid,
      descriptor,
      address: call === 'listen' ? undefined : { at: notification.address, length: notification.ints[2] },
    });
    return { descriptor: result < 0 ? result : new OwnedFd(result), address };
  }

  /** As placeSocket(). @param placement its socket stays open meanwhile; the listener may be closed when its sandbox ends */
  async place(placement: Placement): Promise<number> {
    const listener = duplicate(placement.listener);
    try {
      const { result } = await this.#order({ kind: 'place', ...placement, listener: listener.number });
      return result;
    } finally {
      listener.close();
    }
  }

  #order(order: Order): Promise<Report> {
    const number = this.#next;
    this.#next += 1;
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.#worker.postMessage({ ...order, number } satisfies SlowOrder);
    });
  }
}
