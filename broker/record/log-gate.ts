// Where one plugin's requests wait while the audit log has no room for their events, or while the plugin is past its lines per second. Only
// with when_full: block. Runs in the broker.
import type { LogRoom } from './log-room.js';

/** A request, as far as it waits here. */
interface Waiting {
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

  async pass(life: Waiting): Promise<void> {
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
