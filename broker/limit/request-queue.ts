// What one plugin may ask at once and in a second. Runs in the broker.
import PQueue from 'p-queue';
import type { PluginLimits } from '../../shared/protocol/link.js';
import type { Limit } from '../../shared/reasons.js';
import type { RequestLife } from './request-life.js';
import type { TurnShare } from './turn-share.js';

/** Why a request is turned away at once. */
export interface QueueRefusal {
  /** What the plugin is told: what it would have had to wait for. */
  readonly reason: 'rate_limited' | 'concurrency_limited';
  /** Which limit bit: the queue's length, or the other two where nothing may wait. */
  readonly limit: Extract<Limit, 'rate' | 'concurrency' | 'queue'>;
}

const SECOND_MS = 1000;

/** A plugin's requests: so many at once, so many begun in a second, so many that wait. */
export class RequestQueue {
  readonly #queue: PQueue;
  readonly #mayWait: number;
  readonly #turn: TurnShare;

  /** @param turn what requests that had to wait take their turns from: many may be let go at once */
  constructor({ concurrentRequests, queuedRequests, requestsPerSecond }: PluginLimits, turn: TurnShare) {
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
   * Runs work now, or when its turn comes, or when the request ends early while it waits: work then finds `life` ended.
   *
   * @param work called once unless the queue is full; must not reject
   * @returns a refusal where the queue is full
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
      // An ended request leaves the queue: add() then rejects.
      queue.add(() => this.#turn.await().then(begin), { signal: life.signal }).catch(begin);
    } else {
      void queue.add(begin);
      // Where the second's share is used up it waits all the same, without a signal, which most requests need not pay for.
      if (!begun) life.whenEnded(() => void begin());
    }
    return undefined;
  }
}
