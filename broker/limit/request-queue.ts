// Bounds the requests of one plugin: how many at once, how many a second, how many wait. Runs in the broker.
import PQueue from 'p-queue';
import type { LimitWord } from '../../shared/config/counted-limits.js';
import type { Limits } from '../../shared/config/limit-forms.js';
import type { RequestLife } from './request-life.js';
import type { TurnShare } from './turn-share.js';

/** Why the queue took no request. */
export interface QueueRefusal {
  /** For the plugin: what the request would have had to wait for. */
  readonly reason: 'rate_limited' | 'concurrency_limited';
  /** For the metrics: the queue's length, or the rate or concurrency if nothing may wait. Or the share of descriptors. */
  readonly limit: Extract<LimitWord, 'rate' | 'concurrency' | 'queue' | 'descriptors'>;
}

const SECOND_MS = 1000;

export class RequestQueue {
  readonly #queue: PQueue;
  readonly #mayWait: number;
  readonly #turn: TurnShare;

  /** @param turn gives turns to the requests that had to wait, since many may be released at once */
  constructor({ concurrentRequests, queuedRequests, requestsPerSecond }: Limits, turn: TurnShare) {
    this.#turn = turn;
    this.#mayWait = queuedRequests;
    this.#queue = new PQueue({
      concurrency: concurrentRequests,
      interval: SECOND_MS,
      intervalCap: requestsPerSecond,
    });
  }

  get inFlight(): number {
    return this.#queue.pending;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /**
   * Runs work now, or when its turn comes. If the request ends early while it waits, work runs then and finds `life` ended.
   *
   * @param work called once unless the queue is full; must not reject
   * @returns a refusal if the queue is full
   */
  add(life: RequestLife, work: () => Promise<void>): QueueRefusal | undefined {
    const queue = this.#queue;
    const hasRoom = queue.pending < queue.concurrency;
    if (queue.size >= this.#mayWait && (queue.size > 0 || !hasRoom)) {
      const [reason, limit] = hasRoom
        ? (['rate_limited', 'rate'] as const)
        : (['concurrency_limited', 'concurrency'] as const);
      return { reason, limit: this.#mayWait > 0 ? 'queue' : limit };
    }
    let begun = false;
    const begin = async (): Promise<void> => {
      if (begun) return;
      begun = true;
      await work();
    };
    if (queue.size > 0 || !hasRoom) {
      // A request that ends early leaves the queue, and add() rejects.
      queue.add(() => this.#turn.await().then(begin), { signal: life.signal }).catch(begin);
    } else {
      void queue.add(begin);
      // If this second's share is used up, the request waits here too, but without a signal: most requests never need one.
      if (!begun) life.whenEnded(() => void begin());
    }
    return undefined;
  }
}
