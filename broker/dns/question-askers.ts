// Who asks a sandbox's DNS: the program whose trapped connect(2) or bind(2) gave the asking socket its port. Runs in the broker.
// For the audit log alone: a port may have passed to another program of the same sandbox.
import { NOTED_ASKERS } from '../../shared/limits.js';
import { type Origin, SOMEBODY } from '../record/origin.js';
import type { Transport } from './encode-dns-answer.js';

export class QuestionAskers {
  /** Oldest first. */
  readonly #origins = new Map<string, Origin>();

  /** @param port of a socket on the sandbox's loopback */
  note(transport: Transport, port: number, origin: Origin): void {
    const key = `${transport} ${port}`;
    this.#origins.delete(key);
    this.#origins.set(key, origin);
    const [oldest] = this.#origins.keys();
    if (this.#origins.size > NOTED_ASKERS && oldest !== undefined) this.#origins.delete(oldest);
  }

  /** @param port where a question came from */
  of(transport: Transport, port: number | undefined): Origin {
    return this.#origins.get(`${transport} ${port}`) ?? SOMEBODY;
  }
}
