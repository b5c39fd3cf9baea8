// The calls that this broker has received and not answered, in memory that the supervisor keeps. Runs in the broker. The kernel writes each
// call into its slot. If the broker dies before it answers, the call is still there, and the next broker answers it.
import { constants } from 'node:os';
import { NOTIFIED_CALLS } from '../../shared/limits.js';
import { MappedMemory } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import {
  answerNotification,
  isMarked,
  isValid,
  markNotification,
  NOTIFICATION_BYTES,
  type Notification,
  readNotification,
  receiveNotification,
} from '../../shared/sys/seccomp-notify.js';

const { ECONNABORTED } = constants.errno;

export interface ReceivedCall {
  readonly slot: number;
  readonly notification: Notification;
}

export class NotifiedCalls {
  readonly #memory: MappedMemory;
  readonly #slots: readonly Uint8Array[];
  readonly #free: number[] = [];

  /** @param memory NOTIFIED_CALLS slots of NOTIFICATION_BYTES */
  constructor(memory: OwnedFd) {
    this.#memory = new MappedMemory(memory.number, NOTIFIED_CALLS * NOTIFICATION_BYTES);
    const slot = (at: number): Uint8Array =>
      this.#memory.bytes.subarray(at * NOTIFICATION_BYTES, (at + 1) * NOTIFICATION_BYTES);
    this.#slots = Array.from({ length: NOTIFIED_CALLS }, (_, at) => slot(at));
    for (let at = NOTIFIED_CALLS - 1; at >= 0; at -= 1) this.#free.push(at);
  }

  get isFull(): boolean {
    return this.#free.length === 0;
  }

  /**
   * Ends the calls that a former broker left: their callers would wait forever.
   *
   * @returns those for which nothing was done yet: they waited for an answer to a question, or their broker was replaced on purpose. They are
   *   served anew
   */
  takeLeftOvers(listener: OwnedFd): readonly ReceivedCall[] {
    const waiting: ReceivedCall[] = [];
    for (const [at, slot] of this.#slots.entries()) {
      const notification = readNotification(slot);
      if (notification.id === 0n) continue;
      if (isMarked(slot) && isValid(listener.number, notification.id)) {
        markNotification(slot, false);
        this.#free.splice(this.#free.indexOf(at), 1);
        waiting.push({ slot: at, notification });
        continue;
      }
      answerNotification(listener.number, notification.id, -ECONNABORTED);
      slot.fill(0);
    }
    return waiting;
  }

  /** Notes whether the next broker may serve a call anew. */
  note(slot: number, mayBeginAnew: boolean): void {
    const bytes = this.#slots[slot];
    if (bytes !== undefined) markNotification(bytes, mayBeginAnew);
  }

  /** Receives the next call. @returns undefined if it was withdrawn meanwhile */
  receive(listener: OwnedFd): ReceivedCall | undefined {
    const slot = this.#free.pop();
    const bytes = slot === undefined ? undefined : this.#slots[slot];
    if (slot === undefined || bytes === undefined) return undefined;
    if (receiveNotification(listener.number, bytes) < 0) {
      this.release(slot);
      return undefined;
    }
    return { slot, notification: readNotification(bytes) };
  }

  /** The call has been answered. */
  release(slot: number): void {
    this.#slots[slot]?.fill(0);
    this.#free.push(slot);
  }

  close(): void {
    this.#memory.close();
  }
}
