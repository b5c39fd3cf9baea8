// Counts audit events that could not be written, until a broker is there that takes the number. Runs in the supervisor.
import type { BrokerLines } from './broker-lines.js';

export class DroppedEvents {
  #events = 0;

  add(events: number): void {
    this.#events += events;
  }

  /** @param lines of the running broker, which counts them with its own */
  tell(lines: BrokerLines | undefined): void {
    if (lines === undefined || this.#events === 0) return;
    lines.send({ type: 'audit_dropped', events: this.#events });
    this.#events = 0;
  }
}
