// Carries socket options from a plugin's socket to the one that takes its place: a program sets them before it connects. Runs in the
// broker.
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { RARE_OPTIONS, type RareOption } from '../../shared/sys/rare-options.js';
import { IPPROTO_IPV6, IPPROTO_TCP, SOL_SOCKET } from '../../shared/sys/socket-constants.js';
import { readOption } from '../../shared/sys/socket-option.js';
import { CarriedBuffers } from './carried-buffers.js';
import { CarriedOption } from './carried-option.js';

/** The values of a fresh IPv6 socket, where they are not those of {@link CarryOver}'s IPv4 socket. */
const USUAL_OF_IPV6: Readonly<Record<number, number>> = { 67: 0, 16: 64, 23: 1 };

/** Carries all options that a plugin may set and that outlast the connect, for the sockets of one sandbox. */
export class CarryOver {
  readonly #common: readonly CarriedOption[];
  readonly #buffers: CarriedBuffers;
  readonly #keepAlive: CarriedOption;
  /** TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT: carried only if keep-alive is on. */
  readonly #keepAliveTimes: readonly CarriedOption[];
  readonly #rare: Readonly<Record<4 | 6, readonly CarriedOption[]>>;
  #readsRare: boolean;

  /**
   * @param fresh an IPv4 TCP socket of the sandbox with the values that its network namespace gives every socket
   * @param readsRare whether a socket of the sandbox may have one of RARE_OPTIONS already
   */
  constructor(fresh: OwnedFd, readsRare: boolean) {
    this.#readsRare = readsRare;
    const option = (level: number, name: number, bytes = 4): CarriedOption => {
      const usual = new Uint8Array(bytes);
      readOption(fresh.number, level, name, usual);
      return new CarriedOption(level, name, usual);
    };
    const rare = ({ level, name, bytes }: RareOption): CarriedOption => {
      const usual = level === IPPROTO_IPV6 ? USUAL_OF_IPV6[name] : undefined;
      if (usual === undefined) return option(level, name, bytes);
      return new CarriedOption(level, name, new Uint8Array(new Int32Array([usual]).buffer));
    };
    this.#common = [
      option(SOL_SOCKET, 18), // SO_RCVLOWAT
      // SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW
      ...[66, 67].map((name) => option(SOL_SOCKET, name, 16)),
      // TCP_NODELAY, CORK
      ...[1, 3].map((name) => option(IPPROTO_TCP, name)),
    ];
    this.#buffers = new CarriedBuffers(fresh);
    this.#keepAlive = option(SOL_SOCKET, 9);
    this.#keepAliveTimes = [4, 5, 6].map((name) => option(IPPROTO_TCP, name));
    this.#rare = {
      4: [...RARE_OPTIONS.both, ...RARE_OPTIONS[4]].map(rare),
      6: [...RARE_OPTIONS.both, ...RARE_OPTIONS[6]].map(rare),
    };
  }

  /** A program of the sandbox sets one of RARE_OPTIONS. Called before the call that sets it goes on. */
  noteRare(): void {
    this.#readsRare = true;
  }

  /** @param family of both sockets; `to` is not connected yet */
  carry(from: number, to: number, family: 4 | 6): void {
    for (const option of this.#common) option.carry(from, to);
    this.#buffers.carry(from, to);
    if (this.#keepAlive.carry(from, to)) for (const option of this.#keepAliveTimes) option.carry(from, to);
    if (this.#readsRare) for (const option of this.#rare[family]) option.carry(from, to);
  }
}
