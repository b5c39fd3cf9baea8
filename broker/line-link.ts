// The broker's end of the line stream to the supervisor: one JSON object a line. Runs in the broker. Both ends are postern's: a line
// that cannot be read ends the broker.
import type { Socket } from 'node:net';
import { GATHER_MS, LAST_WORDS_MS, MAX_LINK_LINE_BYTES } from '../shared/limits.js';
import { LineReader } from '../shared/line-reader.js';
import type { BrokerLine, SupervisorLine } from '../shared/protocol/link.js';

/** Lines sent in one turn of the event loop leave as one write. */
export class LineLink {
  readonly #outgoing: Socket;
  #pending = '';
  #gathering: NodeJS.Timeout | undefined;
  /** Called when the supervisor has read what waited. */
  onDrain: () => void = () => {};

  /**
   * @param outgoing lines can still be written after the supervisor has ended its side
   * @param onEnd called once the supervisor is gone
   * @param onLastWords called when the supervisor ends its side; lines sent then, and in the next turn of the event loop, still leave
   */
  constructor(
    incoming: Socket,
    outgoing: Socket,
    onLine: (line: SupervisorLine) => void,
    onEnd: () => void,
    onLastWords: () => void = () => {},
  ) {
    this.#outgoing = outgoing;
    const reader = new LineReader((text) => onLine(JSON.parse(text) as SupervisorLine), MAX_LINK_LINE_BYTES);
    incoming.on('data', (chunk) => {
      if (!reader.push(chunk)) throw new RangeError('A line of the link is too long');
    });
    outgoing.on('close', onEnd);
    incoming.on('end', () => {
      setTimeout(onEnd, LAST_WORDS_MS);
      onLastWords();
      setImmediate(() => this.drain(onEnd));
    });
    for (const stream of [incoming, outgoing]) stream.on('error', onEnd);
    outgoing.on('drain', () => this.onDrain());
  }

  send(line: BrokerLine): void {
    this.#pending += `${JSON.stringify(line)}\n`;
    setImmediate(() => this.#flush());
  }

  /**
   * Sends a line that nobody waits for, within GATHER_MS.
   *
   * @param json one BrokerLine, encoded
   */
  sendSoon(json: string): void {
    this.#pending += `${json}\n`;
    this.#gathering ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  /** Calls back once every line has left. */
  drain(done: () => void): void {
    const text = this.#pending;
    this.#pending = '';
    this.#outgoing.write(text, () => done());
  }

  /** About how many bytes wait for the supervisor to read. */
  get backlogBytes(): number {
    return this.#pending.length + this.#outgoing.writableLength;
  }

  #flush(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const text = this.#pending;
    this.#pending = '';
    if (text !== '') this.#outgoing.write(text);
  }
}
