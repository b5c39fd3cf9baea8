// The process behind a DNS question: its trapped connect(2) or bind(2) gave the asking socket its port. Runs in the broker. It is for the
// audit log alone, since the port may have passed to another program of the sandbox.
import { BoundedMap } from '../../shared/bounded-map.js';
import { NOTED_ASKERS } from '../../shared/limits.js';
import { type Origin, SOMEBODY } from '../record/origin.js';
import type { Transport } from './encode-dns-answer.js';

export class QuestionAskers {
  readonly #origins = new BoundedMap<string, Origin>(NOTED_ASKERS);

  /** @param port of a socket on the sandbox's loopback */
  note(transport: Transport, port: number, origin: Origin): void {
    this.#origins.set(`${transport} ${port}`, origin);
  }

  /** @param port the question's source */
  of(transport: Transport, port: number | undefined): Origin {
    return this.#origins.get(`${transport} ${port}`) ?? SOMEBODY;
  }
}
