// Takes a caller's descriptor and copies the address that it passed: both wait for locks of the caller's. At once where its
// plugin has never been slow; else on a thread apart, so that nobody waits with it. Runs in the broker.
import type { Worker } from 'node:worker_threads';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { startThread } from '../start-thread.js';
import type { CallerProcesses } from './caller-processes.js';
import { copyAddress } from './copy-address.js';
import type { TrappedCall } from './trapped-call.js';

/** What a call is about: its descriptor's duplicate and its address, each or minus errno. */
export interface Reached {
  readonly descriptor: OwnedFd | number;
  /** Exactly as many bytes as the call says; undefined for listen(2). */
  readonly address: Uint8Array | number | undefined;
}

/** What goes to the thread, and comes back from it. */
export interface ReachOrder {
  readonly number: number;
  readonly tid: number;
  readonly descriptor: number;
  readonly address: bigint;
  /** Negative for listen(2). */
  readonly length: number;
}
export interface ReachReport {
  readonly number: number;
  /** A descriptor's number, or minus errno. */
  readonly descriptor: number;
  readonly address: Uint8Array | number | undefined;
}

export function reachCaller(
  processes: CallerProcesses,
  { tid, descriptor, call, notification }: TrappedCall,
): Reached {
  const taken = processes.take(tid, descriptor);
  const [, , length] = notification.ints;
  const address = call === 'listen' ? undefined : copyAddress(tid, notification.address, length);
  return { descriptor: taken, address };
}

/** The thread for plugins that have been slow. They may wait for one another. */
export class SlowReach {
  readonly #worker: Worker;
  #next = 1;
  readonly #waiting = new Map<number, (reached: Reached) => void>();

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', ({ number, descriptor, address }: ReachReport) => {
      const resolve = this.#waiting.get(number);
      this.#waiting.delete(number);
      resolve?.({ descriptor: descriptor < 0 ? descriptor : new OwnedFd(descriptor), address });
    });
    worker.unref();
  }

  static async start(): Promise<SlowReach> {
    const limits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 };
    return new SlowReach(await startThread('trap/reach-worker', { resourceLimits: limits }));
  }

  reach({ tid, descriptor, call, notification }: TrappedCall): Promise<Reached> {
    const number = this.#next;
    this.#next += 1;
    const [, , length] = notification.ints;
    const order: ReachOrder = {
      number,
      tid,
      descriptor,
      address: notification.address,
      length: call === 'listen' ? -1 : length,
    };
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.#worker.postMessage(order);
    });
  }
}
