// Finds the connections of one plugin that have ended without a report of the kernel, after it had to drop some. Runs in the broker.
import { LATE_REPORT_MS, LOOKED_AT_CONNECTIONS } from '../../shared/limits.js';

/** The register of the connections. */
interface Register {
  /** Looks at LOOKED_AT_CONNECTIONS, those with the oldest look. @returns the cookies of those that are gone */
  lookForGone(): readonly bigint[];
  /** Takes the reports that have come meanwhile. What they leave of these connections has ended. */
  endLost(cookies: readonly bigint[]): void;
}

export class LostEnds {
  readonly #register: Register;
  #looking: NodeJS.Immediate | undefined;
  readonly #concluding = new Set<NodeJS.Timeout>();

  constructor(register: Register) {
    this.#register = register;
  }

  /** Looks at all connections, some in each turn of the event loop. @param count how many there are */
  begin(count: number): void {
    let left = count;
    const look = (): void => {
      this.#looking = undefined;
      const gone = this.#register.lookForGone();
      if (gone.length > 0) this.#concludeLater(gone);
      left -= LOOKED_AT_CONNECTIONS;
      if (left > 0) this.#looking = setImmediate(look);
    };
    this.#looking ??= setImmediate(look);
  }

  close(): void {
    clearImmediate(this.#looking);
    for (const timer of this.#concluding) clearTimeout(timer);
  }

  /** The kernel reports an end some time after the socket is gone. */
  #concludeLater(gone: readonly bigint[]): void {
    const timer = setTimeout(() => {
      this.#concluding.delete(timer);
      this.#register.endLost(gone);
    }, LATE_REPORT_MS).unref();
    this.#concluding.add(timer);
  }
}
