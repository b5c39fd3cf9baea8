// The calls that this broker has received and not answered, in memory that the supervisor keeps. Runs in the broker. The kernel writes each
// call into its slot. If the broker dies before it answers, the call is still there, and the next broker answers it.
import { constants } from 'node:os';
import { NOTIFIED_CALLS } from '../../shared/limits.js';
import { MappedMemory } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import {
  answerNotification,
  isValid,
  NOTIFICATION_BYTES,
  type Notification,
  readNotification,
  receiveNotification,
} from '../../shared/sys/seccomp-notify.js';

const { ECONNABORTED } = constants.errno;

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

  /** Ends the calls that a former broker left: their callers would wait forever. @returns how many there were */
  answerLeftOvers(listener: OwnedFd): number {
    let left = 0;
    for (const slot of this.#slots) {
      const { id } = readNotification(slot);
      if (id === 0n) continue;
      if (isValid(listener.number, id) && answerNotification(listener.number, id, -ECONNABORTED) === 0)
        left += 1;
      slot.fill(0);
    }
    return left;
  }

  /** Receives the next call. @returns undefined if it was withdrawn meanwhile */
  receive(listener: OwnedFd): { readonly slot: number; readonly notification: Notification } | undefined {
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
