// Carries socket options from a plugin's socket to the one that takes its place: a program sets them before it connects. Runs in the
// broker.
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import {
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  SO_LINGER,
  SOL_SOCKET,
} from '../../shared/sys/socket-constants.js';
import { readOption, writeOption } from '../../shared/sys/socket-option.js';

/** An option whose value before connect(2) shapes the connection or the calls on it. */
class CarriedOption {
  readonly #level: number;
  readonly #name: number;
  readonly #doubled: boolean;
  readonly #value: Uint8Array;
  readonly #usual: Uint8Array;

  /**
   * @param usual the value of a fresh socket
   * @param doubled the kernel returns twice the value that was set, socket(7)
   */
  constructor(level: number, name: number, usual: Uint8Array, doubled = false) {
    this.#level = level;
    this.#name = name;
    this.#doubled = doubled;
    this.#usual = usual;
    this.#value = new Uint8Array(usual.length);
  }

  /** @returns whether `from` has an unusual value, which `to` has now too */
  carry(from: number, to: number): boolean {
    const value = this.#value;
    if (readOption(from, this.#level, this.#name, value) < 0 || this.#isUsual()) return false;
    if (this.#doubled) {
      const view = new DataView(value.buffer);
      view.setInt32(0, Math.floor(view.getInt32(0, true) / 2), true);
    }
    writeOption(to, this.#level, this.#name, value);
    return true;
  }

  #isUsual(): boolean {
    for (let at = 0; at < this.#usual.length; at += 1) if (this.#usual[at] !== this.#value[at]) return false;
    return true;
  }
}

/** Carries all options that a plugin may set and that outlast the connect, for the sockets of one sandbox. */
export class CarryOver {
  readonly #both: readonly CarriedOption[];
  readonly #keepAlive: CarriedOption;
  /** TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT: carried only if keep-alive is on. */
  readonly #keepAliveTimes: readonly CarriedOption[];
  readonly #ofFamily: Readonly<Record<4 | 6, readonly CarriedOption[]>>;

  /** @param fresh an IPv4 TCP socket of the sandbox with the values that its network namespace gives every socket */
  constructor(fresh: OwnedFd) {
    const option = (level: number, name: number, bytes = 4, doubled = false): CarriedOption => {
      const usual = new Uint8Array(bytes);
      readOption(fresh.number, level, name, usual);
      return new CarriedOption(level, name, usual, doubled);
    };
    const ofIpv6 = (name: number, usual: number): CarriedOption =>
      new CarriedOption(IPPROTO_IPV6, name, new Uint8Array(new Int32Array([usual]).buffer));
    this.#both = [
      // SO_OOBINLINE, SO_RCVLOWAT
      ...[10, 18].map((name) => option(SOL_SOCKET, name)),
      option(SOL_SOCKET, SO_LINGER, 8),
      // SO_SNDBUF, SO_RCVBUF
      ...[7, 8].map((name) => option(SOL_SOCKET, name, 4, true)),
      // SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW
      ...[66, 67].map((name) => option(SOL_SOCKET, name, 16)),
      // TCP_NODELAY, CORK, SYNCNT, USER_TIMEOUT, NOTSENT_LOWAT, INQ
      ...[1, 3, 7, 18, 25, 36].map((name) => option(IPPROTO_TCP, name)),
      option(IPPROTO_TCP, 13, 16), // TCP_CONGESTION
    ];
    this.#keepAlive = option(SOL_SOCKET, 9);
    this.#keepAliveTimes = [4, 5, 6].map((name) => option(IPPROTO_TCP, name));
    this.#ofFamily = {
      // IP_TOS, IP_TTL, IP_MTU_DISCOVER
      4: [1, 2, 10].map((name) => option(IPPROTO_IP, name)),
      // IPV6_TCLASS, IPV6_UNICAST_HOPS, IPV6_MTU_DISCOVER
      6: [ofIpv6(67, 0), ofIpv6(16, 64), ofIpv6(23, 1)],
    };
  }

  /** @param family of both sockets; `to` is not connected yet */
  carry(from: number, to: number, family: 4 | 6): void {
    for (const option of this.#both) option.carry(from, to);
    for (const option of this.#ofFamily[family]) option.carry(from, to);
    if (this.#keepAlive.carry(from, to)) for (const option of this.#keepAliveTimes) option.carry(from, to);
  }
}
