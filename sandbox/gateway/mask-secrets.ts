// Finds secrets in what an upstream sends back, and puts asterisks in their place. Runs in the gateway. A mask has the length of what it covers, so that
// neither Content-Length nor a frame changes. It finds a secret as it is, percent-encoded, and in base64 (at each of its three places in a group): an
// echo of a request has one of these forms. It finds no secret that the upstream has changed in another way.

/** Of each body. What comes behind passes: a program that fetches much must not wait for a search. */
const SEARCHED_BYTES: number = 1024 * 1024;

const ASTERISK = '*'.charCodeAt(0);

/** What is searched for, the longest first. */
export type Needles = readonly Buffer[];

/** @param values secrets, none of them empty */
export function needlesOf(values: Iterable<string>): Needles {
  const texts = new Set<string>();
  for (const value of values) {
    texts.add(value);
    texts.add(encodeURIComponent(value));
    texts.add(encodeURIComponent(value).replaceAll('%20', '+'));
    // As in JSON.
    texts.add(value.replaceAll('\\', '\\\\').replaceAll('"', '\\"'));
    for (const text of base64Forms(value)) texts.add(text);
  }
  return [...texts]
    .sort((one, other) => other.length - one.length)
    .map((text) => Buffer.from(text, 'latin1'));
}

/** The characters that the secret alone decides, for each place in a group of three bytes; in both alphabets. */
function base64Forms(value: string): readonly string[] {
  const bytes = Buffer.from(value, 'latin1');
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const first = Math.ceil((before * 4) / 3);
    const last = Math.floor(((before + bytes.length) * 4) / 3);
    const own = text.slice(first, last);
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

/** @returns the text, and how many secrets it had */
export function maskText(text: string, needles: Needles): { readonly text: string; readonly masked: number } {
  const bytes = Buffer.from(text, 'latin1');
  const masked = maskIn(bytes, needles);
  return { text: masked === 0 ? text : bytes.toString('latin1'), masked };
}

/** Masks in place. */
function maskIn(bytes: Buffer, needles: Needles): number {
  let masked = 0;
  for (const needle of needles) {
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + needle.length)) {
      bytes.fill(ASTERISK, at, at + needle.length);
      masked += 1;
    }
  }
  return masked;
}

/** A message may end as a secret begins, and the program waits for its end. An echo comes in one piece, or in pieces that follow at once. */
const HELD_MS = 100;

/** Searches a body as it flows. It holds back the end of a chunk only if a secret may begin there, and not for long. */
export class SecretMask {
  readonly #needles: Needles;
  #held: Buffer = Buffer.alloc(0);
  #left: number;
  readonly #onLate: (bytes: Buffer) => void;
  #timer: NodeJS.Timeout | undefined;
  masked = 0;

  /** @param onLate takes what was held back and nothing followed */
  constructor(needles: Needles, onLate: (bytes: Buffer) => void, searched: number = SEARCHED_BYTES) {
    this.#needles = needles;
    this.#onLate = onLate;
    this.#left = searched;
  }

  /** @returns what may go on */
  take(chunk: Buffer): Buffer {
    clearTimeout(this.#timer);
    const passed = this.#pass(chunk);
    if (this.#held.length > 0) this.#timer = setTimeout(() => this.#onLate(this.end()), HELD_MS);
    return passed;
  }

  #pass(chunk: Buffer): Buffer {
    if (this.#left <= 0) return this.#behind(chunk);
    // A copy: the chunk may be part of a buffer that others have.
    const bytes = Buffer.concat([this.#held, chunk]);
    this.#left -= chunk.length;
    this.masked += maskIn(bytes, this.#needles);
    const kept = this.#begun(bytes);
    this.#held = bytes.subarray(bytes.length - kept);
    return bytes.subarray(0, bytes.length - kept);
  }

  /** The rest, when the body has ended. */
  end(): Buffer {
    clearTimeout(this.#timer);
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }

  /** A secret that began within what is searched ends behind it. */
  #behind(chunk: Buffer): Buffer {
    if (this.#held.length === 0) return chunk;
    const bytes = Buffer.concat([this.#held, chunk]);
    this.masked += maskIn(bytes.subarray(0, this.#held.length + this.#longest), this.#needles);
    const begun = this.#begun(bytes);
    const kept = begun > chunk.length ? begun : 0;
    this.#held = bytes.subarray(bytes.length - kept);
    return bytes.subarray(0, bytes.length - kept);
  }

  get #longest(): number {
    return this.#needles[0]?.length ?? 0;
  }

  /** The length of the longest end of the bytes with which a needle begins. */
  #begun(bytes: Buffer): number {
    let longest = 0;
    for (const needle of this.#needles) {
      const first = needle.subarray(0, 1);
      const from = Math.max(0, bytes.length - needle.length + 1);
      for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
        const length = bytes.length - at;
        if (length <= longest) break;
        // protects: G23 gateway: a secret across two chunks is masked => break;
        if (needle.compare(bytes, at, bytes.length, 0, length) === 0) longest = length;
      }
    }
    return longest;
  }
}
