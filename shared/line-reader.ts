// Cuts a stream of bytes into lines of bounded length. Both ends of the link between broker and supervisor read with it, and both ends of the
// control socket.

export class LineReader {
  readonly #onLine: (line: string) => void;
  readonly #mostBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  /** @param mostBytes of one line, without its newline */
  constructor(onLine: (line: string) => void, mostBytes: number) {
    this.#onLine = onLine;
    this.#mostBytes = mostBytes;
  }

  /** Whether a line has begun and not ended. */
  get inLine(): boolean {
    return this.#bytes > 0;
  }

  /** @returns false for a line that is too long: the stream is of no use then */
  push(chunk: Buffer): boolean {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      if (!this.#keep(chunk.subarray(start, end))) return false;
      const line = Buffer.concat(this.#parts).toString('utf8');
      this.#parts = [];
      this.#bytes = 0;
      start = end + 1;
      this.#onLine(line);
    }
    return start === chunk.length || this.#keep(chunk.subarray(start));
  }

  #keep(part: Buffer): boolean {
    this.#bytes += part.length;
    if (this.#bytes > this.#mostBytes) return false;
    this.#parts.push(part);
    return true;
  }
}
