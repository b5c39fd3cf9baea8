// Answers the supervisor's questions for the metrics. Runs in the broker. One page is written at a time, in parts, for all who ask: a page
// that is written at once would stop the broker's other work.
import { setImmediate } from 'node:timers/promises';
import type { BrokerLine } from '../../shared/protocol/link.js';
import type { Metrics } from './metrics.js';

export class MetricsAnswers {
  readonly #metrics: Pick<Metrics, 'parts'>;
  readonly #send: (line: BrokerLine) => void;
  #asked: number[] = [];
  #writes = false;

  constructor(metrics: Pick<Metrics, 'parts'>, send: (line: BrokerLine) => void) {
    this.#metrics = metrics;
    this.#send = send;
  }

  /** @param id of the question @param show updates the gauges, before each page */
  answer(id: number, show: () => void): void {
    this.#asked.push(id);
    if (!this.#writes) void this.#write(show);
  }

  async #write(show: () => void): Promise<void> {
    this.#writes = true;
    while (this.#asked.length > 0) {
      const ids = this.#asked;
      this.#asked = [];
      show();
      // protects: G8 metrics: the gauges and the text of a page are not in one turn of the event loop
      await setImmediate();
      for await (const text of this.#metrics.parts())
        for (const id of ids) this.#send({ type: 'metrics', id, text, last: false });
      for (const id of ids) this.#send({ type: 'metrics', id, text: '', last: true });
    }
    this.#writes = false;
  }
}
