// Prints the broker's stderr on the operator's terminal. A broker that was taken over writes what it likes, so lines are made printable,
// and their length and number per second are bounded.
import { printable } from '../../../shared/printable.js';
import { TokenBucket } from '../../../shared/token-bucket.js';

const MOST_CHARACTERS = 4096;
const LINES_PER_SECOND = 20;
/** Node's report of an uncaught error has about thirty lines. */
const LINES_AT_ONCE = 200;

export class BrokerWords {
  readonly #print: (text: string) => void;
  readonly #bucket: TokenBucket;
  #line = '';
  #leftOut = 0;

  /** @param print takes whole lines */
  constructor(print: (text: string) => void, now?: () => number) {
    this.#print = print;
    this.#bucket = new TokenBucket(LINES_PER_SECOND, LINES_AT_ONCE, now);
  }

  push(words: string): void {
    const [first = '', ...rest] = words.split('\n');
    this.#keep(first);
    for (const next of rest) {
      this.#end();
      this.#keep(next);
    }
  }

  /** Call it at the end of the stream: prints a last line without a newline, and the number of dropped lines. */
  end(): void {
    if (this.#line !== '') this.#end();
    if (this.#leftOut > 0) this.#print(`postern: ${this.#leftOut} lines of the broker's were left out\n`);
    this.#leftOut = 0;
  }

  #keep(part: string): void {
    if (this.#line.length < MOST_CHARACTERS) this.#line += part.slice(0, MOST_CHARACTERS - this.#line.length);
  }

  #end(): void {
    const line = this.#line;
    this.#line = '';
    if (this.#bucket.take())
      this.#print(
        `${/* protects: G13 the broker's own words reach a terminal without control characters => line */ printable(line)}\n`,
      );
    else this.#leftOut += 1;
  }
}
