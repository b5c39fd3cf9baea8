// Bounds the requests of one plugin: how many at once, how many a second, how many wait. Runs in the broker.

import PQueue from 'p-queue';
import type { Limits, LimitWord } from '../../shared/config/limit-forms.js';
import type { NowOrLater } from '../../shared/now-or-later.js';
import type { RequestLife } from './request-life.js';
import type { TurnShare } from './turn-share.js';

/** Why a request had no turn. */
export interface QueueRefusal {
  /** For the plugin: what the request would have had to wait for. */
  readonly reason: 'rate_limited' | 'concurrency_limited';
  /** For the metrics: the queue's length, or the rate or concurrency if nothing may wait. Or the share of descriptors. */
  readonly limit: Extract<LimitWord, 'rate' | 'concurrency' | 'queue' | 'broker_descriptors'>;
}

const SECOND_MS = 1000;

export class RequestQueue {
  readonly #queue: PQueue;
  readonly #mayWait: number;
  readonly #perSecond: number;
  readonly #turn: TurnShare;
  readonly #gate: Gate;
  readonly #onRoom = new Set<() => void>();
  /** When the present second began. */
  #secondAt = Number.NEGATIVE_INFINITY;
  #begunInSecond = 0;

  /**
   * @param turn gives turns to the requests that had to wait, since many may be released at once
   * @param gate where a request waits before its work
   */
  constructor(
    { concurrentRequests, queuedRequests, requestsPerSecond }: Limits,
    turn: TurnShare,
    gate: Gate,
  ) {
    this.#turn = turn;
    this.#gate = gate;
    this.#mayWait = queuedRequests;
    this.#perSecond = requestsPerSecond;
    // p-queue's own intervals follow the wall clock: where that is set back by a day, they wait for a day.
    this.#queue = new PQueue({
      concurrency: /* protects: G8 queue: so many at once => 1e6 */ concurrentRequests,
    });
  }

  get inFlight(): number {
    return this.#queue.pending;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** What a request waits for now. */
  get bound(): QueueRefusal {
    return this.#queue.pending < this.#queue.concurrency
      ? { reason: 'rate_limited', limit: 'rate' }
      : { reason: 'concurrency_limited', limit: 'concurrency' };
  }

  /** Whether it refuses a further request, if the gate is open. */
  get isFull(): boolean {
    const queue = this.#queue;
    // protects: G8 queue: it is bounded => return false;
    return queue.size >= this.#mayWait && (queue.size > 0 || queue.pending >= queue.concurrency);
  }

  /** Whether a request would run at once, and beside the queue: count() it then. */
  get isFree(): boolean {
    const queue = this.#queue;
    return (
      queue.size === 0 &&
      queue.pending < queue.concurrency &&
      /* protects: G8 queue: nothing passes beside it past the rate */ !queue.isPaused &&
      /* protects: G8 full log: no request passes beside the queue then */ this.#gate.isOpen
    );
  }

  /** Calls back once, when a request has ended. The same callback is called once, however often it was passed. */
  whenRoom(callback: () => void): void {
    this.#onRoom.add(callback);
  }

  /**
   * Runs work now, or when its turn comes. If the request ends early while it waits, work runs then and finds `life` ended.
   *
   * While the gate is shut, a full queue refuses nothing: the refusal would be an event. The caller bounds its requests then.
   *
   * @param work called once unless the queue is full; must not reject
   * @returns a refusal if the queue is full
   */
  add(life: RequestLife, work: () => NowOrLater<void>): QueueRefusal | undefined {
    const queue = this.#queue;
    const hasRoom = queue.pending < queue.concurrency;
    if (this.isFull && /* protects: G8 a full queue refuses no trapped call */ this.#gate.isOpen) {
      const { bound } = this;
      return this.#mayWait > 0 ? { ...bound, limit: 'queue' } : bound;
    }
    if (this.isFree) this.#runNow(work);
    else this.#runInTurn(life, work, hasRoom);
    return undefined;
  }

  /** Most requests need not wait: they pass beside the queue. One that has to wait after all takes its place there. */
  #runNow(work: () => NowOrLater<void>): void {
    const waiting = work();
    if (waiting instanceof Promise) void this.#queue.add(() => waiting).then(() => this.#tellRoom());
    // Last, since it may pause the queue.
    this.count();
  }

  #runInTurn(life: RequestLife, work: () => NowOrLater<void>, hasRoom: boolean): void {
    const queue = this.#queue;
    let begun = false;
    const begin = async (): Promise<void> => {
      if (begun) return;
      begun = true;
      // protects: G8 a request waits before it is decided
      if (!this.#gate.isOpen) await this.#await(life);
      await work();
      this.#tellRoom();
    };
    const inTurn = (): Promise<void> => {
      this.count();
      return this.#turn.await().then(begin);
    };
    const atOnce = (): Promise<void> => {
      this.count();
      return begin();
    };
    if (queue.size > 0 || !hasRoom) {
      // A request that ends early leaves the queue, and add() rejects.
      queue.add(inTurn, { signal: life.signal }).catch(begin);
    } else {
      void queue.add(atOnce);
      // If this second's share is used up, the request waits here too, but without a signal: most requests never need one.
      if (!begun) life.whenEnded(() => void begin());
    }
  }

  /** Counts work that is begun. Once a second's share is used up, the queue gives nothing until the next second. */
  count(): void {
    const now = performance.now();
    if (now - this.#secondAt >= SECOND_MS) this.#beginSecond(now);
    this.#begunInSecond += 1;
    if (/* protects: G8 queue: so many in a second => true */ this.#begunInSecond < this.#perSecond) return;
    this.#queue.pause();
    this.#awaitSecond(now);
  }

  /** Node counts a timer from the time that its loop last looked at the clock, so a timer may come early: a second is a whole one. */
  #awaitSecond(now: number): void {
    const left = this.#secondAt + SECOND_MS - now;
    // protects: G8 queue: a second is not cut short => setTimeout(() => { this.#beginSecond(performance.now()); this.#queue.start(); }, left - 2);
    if (left > 0) setTimeout(() => this.#awaitSecond(performance.now()), left);
    else {
      this.#beginSecond(now);
      this.#queue.start();
    }
  }

  #beginSecond(now: number): void {
    this.#secondAt = now;
    this.#begunInSecond = 0;
  }

  async #await(life: RequestLife): Promise<void> {
    await this.#gate.pass(life);
    if (life.ended === undefined) await this.#turn.await();
  }

  #tellRoom(): void {
    if (this.#onRoom.size === 0) return;
    const released = [...this.#onRoom];
    this.#onRoom.clear();
    for (const callback of released) callback();
  }
}

// Where the requests of one plugin wait before the broker decides on them, although it is their turn.

export interface Gate {
  /** Whether a request may begin. */
  readonly isOpen: boolean;
  /** Calls back once, when it is open. The same callback is called once, however often it was passed. */
  whenOpen(callback: () => void): void;
  /** Resolves when it is open, or when the request ends. It replaces the request's callback, and starts its time limit. */
  pass(life: RequestLife): Promise<void>;
}
