// Whether the audit log has room for events, if it loses none (when_full: block). Runs in the broker. The supervisor says when its own
// backlog is full. Events that the supervisor has not read yet count here.
import { AUDIT_BACKLOG_BYTES } from '../../shared/limits.js';

/** The rest is for the events of requests that had begun. */
const MOST_UNREAD_BYTES = AUDIT_BACKLOG_BYTES / 2;

export class LogRoom {
  readonly #unreadBytes: () => number;
  readonly #waiting = new Set<() => void>();
  #hasRoom: boolean | undefined;

  /**
   * @param hasRoom undefined: events without room are left out, and nothing waits for room
   * @param unreadBytes about how many bytes the supervisor has not read
   */
  constructor(hasRoom: boolean | undefined, unreadBytes: () => number) {
    this.#hasRoom = hasRoom;
    this.#unreadBytes = unreadBytes;
  }

  /** Whether no event is left out. */
  get losesNothing(): boolean {
    return this.#hasRoom !== undefined;
  }

  /** Whether a request may begin that ends with an event. */
  get isOpen(): boolean {
    return this.#hasRoom === undefined || (this.#hasRoom && this.#unreadBytes() <= MOST_UNREAD_BYTES);
  }

  /** The supervisor's backlog is full, or has room again. */
  set(hasRoom: boolean): void {
    this.#hasRoom = hasRoom;
    this.look();
  }

  /** Calls back once, when there is room. The same callback is called once, however often it was passed. */
  whenOpen(callback: () => void): void {
    this.#waiting.add(callback);
  }

  /** Called when something has changed. */
  look(): void {
    if (!this.isOpen) return;
    const released = [...this.#waiting];
    this.#waiting.clear();
    for (const callback of released) callback();
  }
}
