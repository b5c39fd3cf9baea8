// Finds secrets in what an upstream sends back, and puts asterisks in their place. Runs in the gateway. A mask has the length of what it covers, so that
// neither Content-Length nor a frame changes. It finds a secret as it is and in base64 (at each of its three places in a group), and each of these also
// percent-encoded and in JSON: an echo of a request has one of these forms. It finds no secret that the upstream has changed in another way.
//
// A program can have its own guesses sent back to it. So what is held back, and for how long, depends on no secret's letters: else a boundary between two
// pieces would tell how much of a guess is right. Only a whole secret makes a difference, and there is no way to guess a whole one.

/** Of each body. What comes behind passes: a program that fetches much must not wait for a search. */
const SEARCHED_BYTES: number = 1024 * 1024;

const ASTERISK = '*'.charCodeAt(0);

/** What is searched for, the longest first. */
export type Needles = readonly Buffer[];

/** @param values secrets, none of them empty */
export function needlesOf(values: Iterable<string>): Needles {
  const texts = new Set<string>();
  for (const value of values)
    for (const text of [value, ...base64Forms(value)])
      for (const form of [text, ...percentForms(text), ...jsonForms(text)]) texts.add(form);
  return [...texts]
    .sort((one, other) => other.length - one.length)
    .map((text) => Buffer.from(text, 'latin1'));
}

/** They differ in the letters that stay, and in the case of the digits. */
function percentForms(value: string): readonly string[] {
  const least = encodeURIComponent(value);
  const most = least.replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams([['', value]]).toString().slice(1);
  return [least, most, form]
    .flatMap((text) => [text, text.replaceAll('%2F', '/')])
    .flatMap((text) => [text, text.replaceAll('%20', '+')])
    .flatMap((text) => [text, text.replace(/%../g, (digits) => digits.toLowerCase())]);
}

/** They differ in what they escape without need, since the text could come to stand in HTML. */
function jsonForms(value: string): readonly string[] {
  const code = (letter: string): string => `\\u00${letter.charCodeAt(0).toString(16)}`;
  const least = value.replace(/["\\]/g, '\\$&');
  const php = least.replaceAll('/', '\\/');
  const go = least.replace(/[&<>]/g, code);
  const gson = least.replace(/[&<>=']/g, code);
  const dotnet = value
    .replaceAll('\\', '\\\\')
    .replace(/["&'+<>`]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16).toUpperCase()}`);
  return [least, php, go, gson, dotnet];
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
  const found = findIn(bytes, needles);
  for (const { from, to } of found) bytes.fill(ASTERISK, from, to);
  return { text: found.length === 0 ? text : bytes.toString('latin1'), masked: found.length };
}

interface Found {
  readonly from: number;
  to: number;
}

/** @returns where secrets are. What overlaps is one */
function findIn(bytes: Buffer, needles: Needles): readonly Found[] {
  const all: Found[] = [];
  for (const needle of needles)
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1))
      all.push({ from: at, to: at + needle.length });
  const found: Found[] = [];
  for (const { from, to } of all.sort((one, other) => one.from - other.from)) {
    const last = found.at(-1);
    if (last === undefined || from >= last.to) found.push({ from, to });
    else last.to = Math.max(last.to, to);
  }
  return found;
}

/**
 * Of the upstream's silence. A message may end with letters that could begin a secret, and the program waits for its end. An echo comes in one piece, or in
 * pieces that follow at once.
 */
const HELD_MS = 100;

/**
 * Searches a body as it flows. It holds back the end of a chunk, as long as the longest secret but one letter. A byte that no secret has ends that: lines go
 * on at once.
 */
export class SecretMask {
  readonly #needles: Needles;
  readonly #longest: number;
  /** As the upstream has sent it. */
  #held: Buffer = Buffer.alloc(0);
  /** So many bytes of what is held are of a secret that began before. */
  #covered = 0;
  #left: number;
  readonly #onLate: (bytes: Buffer) => void;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  masked = 0;

  /** @param onLate takes what was held back and nothing followed */
  constructor(needles: Needles, onLate: (bytes: Buffer) => void, searched: number = SEARCHED_BYTES) {
    this.#needles = needles;
    this.#longest = needles[0]?.length ?? 1;
    this.#onLate = onLate;
    // One that begins within it ends before.
    this.#left = searched + this.#longest - 1;
  }

  /** @returns what may go on */
  take(chunk: Buffer): Buffer {
    this.#stopWaiting();
    if (this.#left <= 0) return chunk;
    this.#left -= chunk.length;
    const bytes = Buffer.concat([this.#held, chunk]);
    // protects: G23 gateway: a secret across two chunks is masked => const kept = 0;
    const kept = this.#left <= 0 ? 0 : this.#mayGoOn(bytes);
    return this.#pass(bytes, bytes.length - kept);
  }

  /**
   * The upstream is listened to from here on: if it says nothing for a while, what is held back goes on. A program that does not read makes the gateway stop
   * listening. That is no silence of the upstream: what is missing of a secret may have come, and wait.
   */
  wait(): void {
    if (this.#held.length === 0) return;
    this.#timer = setTimeout(() => {
      // What came while this process had other work, or no processor, is read before.
      // protects: G23 gateway: a busy gateway takes nothing for silence => this.#onLate(this.end());
      this.#turn = setImmediate(() => this.#onLate(this.end()));
    }, HELD_MS);
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
  }

  /** The rest, when the body has ended. */
  end(): Buffer {
    this.#stopWaiting();
    return this.#pass(this.#held, this.#held.length);
  }

  /** @returns the length of the end in which a secret could begin, for all that its letters matter */
  #mayGoOn(bytes: Buffer): number {
    let kept = 0;
    while (kept < this.#longest - 1 && isPrintable(bytes[bytes.length - 1 - kept])) kept += 1;
    // protects: G23 gateway: what is held back depends on no secret => return this.#needles.some((needle) => needle[0] === bytes.at(-1)) ? kept : 0;
    return kept;
  }

  /** Searches all, and lets so many bytes go on. What begins behind them is decided with the next chunk: a longer secret may begin as a shorter one does. */
  #pass(bytes: Buffer, count: number): Buffer {
    // A copy: the chunk may be part of a buffer that others have.
    const passed = Buffer.from(bytes.subarray(0, count)).fill(ASTERISK, 0, Math.min(this.#covered, count));
    let covered = Math.max(0, this.#covered - count);
    for (const { from, to } of findIn(bytes, this.#needles)) {
      if (from >= count) break;
      if (from >= this.#covered) this.masked += 1;
      passed.fill(ASTERISK, from, Math.min(to, count));
      covered = Math.max(covered, to - count);
    }
    this.#covered = covered;
    this.#held = bytes.subarray(count);
    return passed;
  }
}

/** Each byte of a secret is, and of each of its forms. */
function isPrintable(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x20 && byte <= 0x7e;
}
