// What a socket that takes the place of another takes over from it: options that a program sets before it connects. Runs in the
// broker.
import { readOption, writeOption } from '../../shared/sys/socket-state.js';

/** An option whose value before connect(2) shapes the connection or the calls on it. */
class CarriedOption {
  readonly #level: number;
  readonly #name: number;
  readonly #doubled: boolean;
  readonly #value: Uint8Array;
  /** What a fresh socket has; the same for all of them. */
  #usual: Uint8Array | undefined;

  /** @param doubled the kernel tells twice what was set, socket(7) */
  constructor(level: number, name: number, bytes = 4, doubled = false) {
    this.#level = level;
    this.#name = name;
    this.#doubled = doubled;
    this.#value = new Uint8Array(bytes);
  }

  /** @returns whether the socket `from` has another value than a fresh one, which `to` has now too */
  carry(from: number, to: number): boolean {
    const value = this.#value;
    if (readOption(from, this.#level, this.#name, value) < 0) return false;
    if (this.#isUsual(to)) return false;
    if (this.#doubled) {
      const view = new DataView(value.buffer);
      view.setInt32(0, Math.floor(view.getInt32(0, true) / 2), true);
    }
    writeOption(to, this.#level, this.#name, value);
    return true;
  }

  #isUsual(fresh: number): boolean {
    let usual = this.#usual;
    if (usual === undefined) {
      usual = new Uint8Array(this.#value.length);
      readOption(fresh, this.#level, this.#name, usual);
      this.#usual = usual;
    }
    for (let at = 0; at < usual.length; at += 1) if (usual[at] !== this.#value[at]) return false;
    return true;
  }
}

const SOL_SOCKET = 1;
const IPPROTO_IP = 0;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;

const KEEP_ALIVE = new CarriedOption(SOL_SOCKET, 9);
const OPTIONS: readonly CarriedOption[] = [
  new CarriedOption(SOL_SOCKET, 7, 4, true), // SO_SNDBUF
  new CarriedOption(SOL_SOCKET, 8, 4, true), // SO_RCVBUF
  new CarriedOption(SOL_SOCKET, 66, 16), // SO_RCVTIMEO_NEW
  new CarriedOption(SOL_SOCKET, 67, 16), // SO_SNDTIMEO_NEW
  new CarriedOption(IPPROTO_TCP, 1), // TCP_NODELAY
  new CarriedOption(IPPROTO_TCP, 18), // TCP_USER_TIMEOUT
];
/** TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT: carried only where keep-alive is on. */
const KEEP_ALIVE_TIMES = [4, 5, 6].map((name) => new CarriedOption(IPPROTO_TCP, name));
const TRAFFIC_CLASS: Readonly<Record<4 | 6, CarriedOption>> = {
  4: new CarriedOption(IPPROTO_IP, 1), // IP_TOS
  6: new CarriedOption(IPPROTO_IPV6, 67), // IPV6_TCLASS
};

/**
 * Copies options to a socket that is not connected yet.
 *
 * @param family of both sockets
 */
export function carryOptions(from: number, to: number, family: 4 | 6): void {
  for (const option of OPTIONS) option.carry(from, to);
  TRAFFIC_CLASS[family].carry(from, to);
  if (KEEP_ALIVE.carry(from, to)) for (const option of KEEP_ALIVE_TIMES) option.carry(from, to);
}
