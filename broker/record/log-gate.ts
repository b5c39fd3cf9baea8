// Holds requests back while the audit log has no room (`when_full: block`). Runs in the broker.
import { AUDIT_BACKLOG_BYTES } from '../../shared/limits.js';

// Where one plugin's requests wait while the audit log has no room for their events, or while the plugin is past its lines per second. Only
// with when_full: block.

/** A request, as far as it waits here. */
interface WaitingRequest {
  /** Set once it has ended early. */
  readonly ended: string | undefined;
  whenEnded(callback: () => void): void;
}

/** A {@link Gate} of limit/. */
export class LogGate {
  readonly #room: LogRoom;
  readonly #owedMs: () => number;
  readonly #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  /** @param owedMs how long the plugin must make no event, since it has made too many in a second */
  constructor(room: LogRoom, owedMs: () => number) {
    this.#room = room;
    this.#owedMs = owedMs;
  }

  get isOpen(): boolean {
    return (
      !this.#room.losesNothing ||
      (this.#room.isOpen && /* protects: G8 a plugin past its lines per second waits */ this.#owedMs() <= 0)
    );
  }

  whenOpen(callback: () => void): void {
    this.#waiting.add(callback);
    this.#await();
  }

  async pass(life: WaitingRequest): Promise<void> {
    while (!this.isOpen && life.ended === undefined) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#waiting.delete(done);
          resolve();
        };
        this.whenOpen(done);
        life.whenEnded(done);
      });
    }
  }

  #await(): void {
    if (this.#waiting.size === 0) return;
    if (!this.#room.isOpen) this.#room.whenOpen(this.#look);
    else this.#timer ??= setTimeout(this.#look, Math.ceil(this.#owedMs()));
  }

  readonly #look = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.isOpen) {
      this.#await();
      return;
    }
    const released = [...this.#waiting];
    this.#waiting.clear();
    for (const callback of released) callback();
  };
}

// Whether the audit log has room for events, if it loses none (when_full: block). The supervisor says when its own
// backlog is full. Events that the supervisor has not read yet count here.

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
