// Makes an input from others: it flips, cuts, repeats, inserts the format's tokens, and joins halves.
import type { Pick } from './fuzz-target.js';

const NUMBERS = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xdf, 0xff];
const MAX_STEPS = 5;

export class Mutator {
  readonly #pick: Pick;
  readonly #maxBytes: number;
  readonly #tokens: readonly Uint8Array[];

  constructor(pick: Pick, maxBytes: number, tokens: readonly (string | Uint8Array)[]) {
    this.#pick = pick;
    this.#maxBytes = maxBytes;
    this.#tokens = tokens.map((token) => (typeof token === 'string' ? Buffer.from(token) : token));
  }

  /** @param other is spliced in sometimes */
  mutate(input: Uint8Array, other: Uint8Array): Uint8Array {
    let bytes: Uint8Array = Uint8Array.from(input);
    for (let left = 1 + this.#pick(MAX_STEPS); left > 0; left -= 1) bytes = this.#step(bytes, other);
    return bytes.slice(0, this.#maxBytes);
  }

  #step(bytes: Uint8Array, other: Uint8Array): Uint8Array {
    const pick = this.#pick;
    const at = pick(bytes.length + 1);
    const length = Math.min(1 + pick(pick(4) === 0 ? 64 : 4), bytes.length - at);
    switch (pick(10)) {
      case 0:
        return change(bytes, at, (byte) => byte ^ (1 << pick(8)));
      case 1:
        return change(bytes, at, () => pick(256));
      case 2:
        return change(bytes, at, () => NUMBERS[pick(NUMBERS.length)] ?? 0);
      case 3:
        return change(bytes, at, (byte) => byte + pick(9) - 4);
      case 4:
        return replace(bytes, at, length, []);
      case 5: // Again, once or many times.
        return replace(
          bytes,
          at,
          0,
          repeat(bytes.subarray(at, at + length), 1 + pick(pick(8) === 0 ? 64 : 2)),
        );
      case 6:
        return replace(bytes, at, 0, this.#token());
      case 7:
        return replace(bytes, at, pick(2) === 0 ? length : 0, this.#token());
      case 8:
        return replace(bytes, at, bytes.length - at, other.subarray(pick(other.length + 1)));
      default: {
        const from = pick(other.length + 1);
        return replace(bytes, at, length, other.subarray(from, from + 1 + pick(32)));
      }
    }
  }

  #token(): Uint8Array {
    const token = this.#tokens[this.#pick(this.#tokens.length + 1)];
    return token ?? Uint8Array.from({ length: 1 + this.#pick(4) }, () => this.#pick(256));
  }
}

function change(bytes: Uint8Array, at: number, to: (byte: number) => number): Uint8Array {
  const byte = bytes[at];
  if (byte !== undefined) bytes[at] = to(byte);
  return bytes;
}

function replace(bytes: Uint8Array, at: number, length: number, by: Iterable<number>): Uint8Array {
  return Uint8Array.from([...bytes.subarray(0, at), ...by, ...bytes.subarray(at + length)]);
}

function repeat(part: Uint8Array, times: number): number[] {
  return Array.from({ length: times }, () => [...part]).flat();
}
