// Carries socket options from a plugin's socket to the one that takes its place: a program sets them before it connects. Which ones, and how
// they are found, is in option-table.ts. Runs in the broker.
import { type OptionKind, SOCKET_OPTIONS, type SocketOption } from '../../shared/sys/option-table.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { readOption, SOL_SOCKET, setOption, writeOption } from '../../shared/sys/socket.js';

/** SO_MEMINFO, sock_diag(7): SK_MEMINFO_VARS words, of which these are the sizes of the buffers. */
const SO_MEMINFO = 55;
const MEMINFO_WORDS = 9;
const MEMINFO_WORD: Readonly<Record<string, number>> = { SO_RCVBUF: 1, SO_SNDBUF: 3 };

const optionsOf = (...kinds: readonly OptionKind[]): readonly SocketOption[] =>
  SOCKET_OPTIONS.filter(({ kind }) => kinds.includes(kind));
const OF_UNIX = optionsOf('always', 'keep_alive', 'rare', 'judged', 'unix').filter(
  ({ level }) => level === SOL_SOCKET,
);

/** Carries the options of an AF_UNIX socket. @param to a fresh socket */
export function carryUnixOptions(from: number, to: number): void {
  for (const option of OF_UNIX) new CarriedOption(option, to).carry(from, to);
  new CarriedBuffers(to).carry(from, to);
}

/** Carries all options that a plugin may set and that outlast the connect, for the sockets of one sandbox. */
export class CarryOver {
  readonly #always: readonly CarriedOption[];
  readonly #buffers: CarriedBuffers;
  readonly #keepAlive: readonly CarriedOption[];
  readonly #withKeepAlive: readonly CarriedOption[];
  readonly #rare: readonly CarriedOption[];
  /** Those of `#rare` that a socket of the sandbox may have. */
  #noted: readonly CarriedOption[];

  /**
   * @param fresh an IPv4 TCP socket of the sandbox with the values that its network namespace gives every socket
   * @param resumed whether another broker has served the sandbox: it may have let any option be set
   */
  constructor(fresh: OwnedFd, resumed: boolean) {
    const carried = (...kinds: readonly OptionKind[]): readonly CarriedOption[] =>
      optionsOf(...kinds).map((option) => new CarriedOption(option, fresh.number));
    this.#always = carried('always');
    this.#buffers = new CarriedBuffers(fresh.number);
    this.#keepAlive = carried('keep_alive');
    this.#withKeepAlive = carried('with_keep_alive');
    this.#rare = carried('rare', 'judged');
    this.#noted = resumed ? this.#rare : [];
  }

  /** A program of the sandbox sets an option that the filter reports. Called before the call that sets it goes on. */
  note(level: number, number: number): void {
    if (this.#noted.some((option) => option.is(level, number))) return;
    this.#noted = this.#rare.filter((option) => this.#noted.includes(option) || option.is(level, number));
  }

  /** @param to a TCP socket that is not connected yet */
  carry(from: number, to: number): void {
    for (const option of this.#always) option.carry(from, to);
    this.#buffers.carry(from, to);
    const found = this.#keepAlive.filter((option) => option.carry(from, to));
    if (found.length > 0) for (const option of this.#withKeepAlive) option.carry(from, to);
    for (const option of this.#noted) option.carry(from, to);
  }
}

/** An option, and its value on a fresh socket. */
class CarriedOption {
  readonly #level: number;
  readonly #number: number;
  readonly #value: Uint8Array;
  readonly #usual: Uint8Array;

  constructor({ level, number, bytes, usual }: SocketOption, fresh: number) {
    this.#level = level;
    this.#number = number;
    this.#value = new Uint8Array(bytes);
    this.#usual = new Uint8Array(bytes);
    this.#usual.set(new Uint8Array(new Int32Array([usual]).buffer));
    readOption(fresh, level, number, this.#usual);
  }

  is(level: number, number: number): boolean {
    return this.#level === level && this.#number === number;
  }

  /** Sets the option on `to` if `from` has an unusual value. @returns whether it has */
  carry(from: number, to: number): boolean {
    if (readOption(from, this.#level, this.#number, this.#value) < 0 || this.#isUsual()) return false;
    writeOption(to, this.#level, this.#number, this.#value);
    return true;
  }

  #isUsual(): boolean {
    const value = this.#value;
    const usual = this.#usual;
    for (let at = 0; at < usual.length; at += 1) if (usual[at] !== value[at]) return false;
    return true;
  }
}

class CarriedBuffers {
  readonly #options = optionsOf('buffer').map(({ name, number }) => ({
    number,
    word: MEMINFO_WORD[name] ?? 0,
  }));
  readonly #words: Uint32Array = new Uint32Array(MEMINFO_WORDS);
  readonly #bytes: Uint8Array = new Uint8Array(this.#words.buffer);
  readonly #usual: Uint32Array;

  constructor(fresh: number) {
    readOption(fresh, SOL_SOCKET, SO_MEMINFO, this.#bytes);
    this.#usual = this.#words.slice();
  }

  carry(from: number, to: number): void {
    if (readOption(from, SOL_SOCKET, SO_MEMINFO, this.#bytes) < 0) return;
    for (const { number, word } of this.#options) {
      const size = this.#words[word] ?? 0;
      // The kernel doubles what is set, socket(7).
      if (size !== this.#usual[word]) setOption(to, SOL_SOCKET, number, Math.floor(size / 2));
    }
  }
}
