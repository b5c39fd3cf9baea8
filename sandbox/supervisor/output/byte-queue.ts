// Bytes in the order in which they are to be written. Remembers what was written of a line that has not ended. Pure.
const NEWLINE = 0x0a;

export class ByteQueue {
  #queue: Buffer[] = [];
  #length = 0;
  /** What was written of a line that has not ended. */
  #part: Buffer = Buffer.alloc(0);

  /** How many bytes wait. */
  get length(): number {
    return this.#length;
  }

  /** The bytes to be written next; undefined if there are none. */
  get first(): Buffer | undefined {
    return this.#queue[0];
  }

  /** How many lines wait, as far as they are whole. */
  get lines(): number {
    let lines = 0;
    for (const bytes of this.#queue)
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines += 1;
    return lines;
  }

  /** Nothing to write is no entry: it would be written again and again until the queue is empty. */
  add(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#length += bytes.length;
  }

  /** @returns all that waits, as one */
  join(): Buffer {
    const bytes = Buffer.concat(this.#queue);
    this.#queue = bytes.length === 0 ? [] : [bytes];
    return bytes;
  }

  /** The first bytes have been written. */
  took(count: number): void {
    this.#length -= count;
    for (let left = count; left > 0; ) {
      const [first] = this.#queue;
      if (first === undefined) break;
      this.#note(first.subarray(0, left));
      if (first.length > left) {
        this.#queue[0] = first.subarray(left);
        break;
      }
      left -= first.length;
      this.#queue.shift();
    }
  }

  /** What follows is written elsewhere: a line of which a part was written is written there whole. */
  startLineAnew(): void {
    if (this.#part.length > 0 && this.#queue.length > 0) {
      this.#queue.unshift(this.#part);
      this.#length += this.#part.length;
    }
    this.#part = Buffer.alloc(0);
  }

  /** What follows is written behind a line that somebody else began. */
  endLine(): void {
    this.#queue.unshift(Buffer.from([NEWLINE]));
    this.#length += 1;
  }

  /** Drops what waits. */
  clear(): void {
    this.#queue = [];
    this.#length = 0;
  }

  #note(written: Buffer): void {
    const end = written.lastIndexOf(NEWLINE);
    this.#part = end < 0 ? Buffer.concat([this.#part, written]) : Buffer.from(written.subarray(end + 1));
  }
}
