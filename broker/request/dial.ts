// Dials the decided addresses as RFC 8305 says (Happy Eyeballs): non-blocking sockets, one winner, and every loser is closed at once. Runs
// in the broker. The plugin does not hold these sockets yet.

import { constants } from 'node:os';
import { ATTEMPT_DELAY_MS } from '../../shared/limits.js';
import type { NowOrLater } from '../../shared/now-or-later.js';
import type { Address } from '../../shared/policy/address.js';
import { errnoName } from '../../shared/sys/libc.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { type Endpoint, isSameEndpoint } from '../../shared/sys/sockaddr.js';
import {
  type Dialer,
  peerOf,
  startConnect,
  takeSocketError,
  tcpSocket,
  writableNow,
} from '../../shared/sys/socket.js';
import { awaitPeersEnd, settleConnect } from '../../shared/sys/socket-state.js';
import { Watch, WRITABLE } from '../../shared/sys/uv-poll.js';
import type { Outcome } from '../../shared/words.js';
import type { DescriptorShare } from '../limit/descriptor-shares.js';
import { EARLY_ERRNO, type EarlyEnd, type RequestLife } from '../limit/request-life.js';
import { interleaveFamilies } from '../names/resolve.js';

/** Connect attempts under way at the same time. Each holds a descriptor. */
const CONCURRENT_ATTEMPTS = 6;

/** How a connect ended. The caller owns the socket. */
export type Connection =
  | {
      readonly outcome: 'connected';
      readonly socket: OwnedFd;
      /** Of the peer, or of the proxy. */
      readonly address: Address;
      /** As the socket's own family writes that address. */
      readonly peer: Endpoint;
      /** The socket's own address. */
      readonly own: Endpoint;
    }
  | {
      readonly outcome: Exclude<Outcome, 'connected'>;
      /** errno's name. */
      readonly errno: string;
      /** The one whose errno it is, or that had not answered yet. Missing if nothing was dialled. */
      readonly address: Address | undefined;
      /** What the errno does not say. */
      readonly cause?: string | undefined;
      /** A proxy does not permit the destination, as it was named. */
      readonly isForbidden?: true | undefined;
    };

/** How the sockets of a connect are made. */
export interface SocketForm {
  /** The family of the socket for an address. By default that of the address. */
  readonly familyFor?: ((address: Address) => 4 | 6) | undefined;
  /** Is called for each socket before it connects. @returns 0, or minus errno */
  readonly prepare?: ((socket: OwnedFd, family: 4 | 6, address: Address) => NowOrLater<number>) | undefined;
}

const { EINPROGRESS, ECONNRESET, ECONNABORTED, EISCONN, EINVAL } = constants.errno;
/** Results of settleConnect() on a connected socket. */
const SETTLED: readonly number[] = [0, -EISCONN, -EINVAL];

/**
 * Connects to the first address that answers.
 *
 * @param addresses at least one; IPv6 and IPv4 alternate, IPv6 first
 * @param port 1 to 65535
 * @param life ends the attempts early: `canceled`, or `timeout` when the request's time is over
 * @param descriptors counts the sockets. Beyond its share, one attempt follows the other
 * @param form of the sockets
 * @returns at once if the result is known at once (loopback), else a promise
 */
export function connect(
  addresses: readonly Address[],
  port: number,
  life: RequestLife,
  descriptors: DescriptorShare,
  form: SocketForm = {},
): Connection | Promise<Connection> {
  if (life.ended !== undefined) return endedEarly(life.ended);
  const race = new Race(interleaveFamilies(addresses), port, descriptors, form);
  race.startNext();
  if (race.result !== undefined) return race.result;
  return new Promise((resolve) => {
    race.onResult = (result) => {
      life.settle();
      resolve(result);
    };
    life.whenEnded((end) => race.finish(endedEarly(end, race.underWay)));
  });
}

function endedEarly(end: EarlyEnd, address?: Address): Connection {
  return { outcome: end, errno: EARLY_ERRNO[end], address };
}

/** A socket that is connecting. */
interface RacingSocket {
  readonly address: Address;
  /** Missing while the socket is prepared. */
  readonly watch?: Watch;
}

class Race {
  result: Connection | undefined;
  onResult: ((result: Connection) => void) | undefined;
  readonly #addresses: readonly Address[];
  readonly #port: number;
  readonly #descriptors: DescriptorShare;
  readonly #form: SocketForm;
  readonly #waiting = new Map<OwnedFd, RacingSocket>();
  #next = 0;
  #timer: NodeJS.Timeout | undefined;
  #failure: { readonly errno: number; readonly address: Address } | undefined;

  constructor(addresses: readonly Address[], port: number, descriptors: DescriptorShare, form: SocketForm) {
    this.#form = form;
    this.#descriptors = descriptors;
    this.#addresses = addresses;
    this.#port = port;
  }

  /** The address of the oldest attempt under way. */
  get underWay(): Address | undefined {
    const [first] = this.#waiting.values();
    return first?.address;
  }

  /** Starts attempts until one has to wait. */
  startNext(): void {
    clearTimeout(this.#timer);
    while (this.result === undefined && this.#waiting.size < CONCURRENT_ATTEMPTS) {
      if (this.#waiting.size > 0 && !this.#descriptors.hasRoom(1)) return;
      const address = this.#addresses[this.#next];
      if (address === undefined) break;
      this.#next += 1;
      if (this.#attempt(address) === 'waits') {
        if (this.#next < this.#addresses.length) {
          this.#timer = setTimeout(() => this.startNext(), ATTEMPT_DELAY_MS);
        }
        return;
      }
    }
    if (this.result === undefined && this.#waiting.size === 0) this.#giveUp();
  }

  finish(result: Connection): void {
    if (this.result !== undefined) return;
    this.result = result;
    clearTimeout(this.#timer);
    for (const [socket, { watch }] of this.#waiting) {
      watch?.close();
      socket.close();
    }
    this.#waiting.clear();
    this.onResult?.(result);
  }

  #attempt(address: Address): 'done' | 'waits' {
    const family = this.#form.familyFor?.(address) ?? address.family;
    const socket = tcpSocket(family);
    if (typeof socket === 'number') {
      this.#note(-socket, address);
      return 'done';
    }
    this.#descriptors.hold(socket);
    awaitPeersEnd(socket.number);
    const prepared = this.#form.prepare?.(socket, family, address) ?? 0;
    if (typeof prepared === 'number') return this.#dial(socket, family, address, prepared);
    this.#waiting.set(socket, { address });
    void prepared.then((result) => {
      // The race may be over, and the socket closed.
      if (!this.#waiting.delete(socket)) return;
      if (this.#dial(socket, family, address, result) === 'done' && this.result === undefined)
        this.startNext();
    });
    return 'waits';
  }

  /** @param prepared 0, or minus errno */
  #dial(socket: OwnedFd, family: 4 | 6, address: Address, prepared: number): 'done' | 'waits' {
    const peer = endpointOf(address, this.#port, family);
    const dialer: Dialer & { readonly peer: Endpoint } = { peer, own: undefined };
    const started =
      prepared < 0
        ? prepared
        : /* test point: the channel dials => $& */ startConnect(socket.number, peer, dialer);
    if (started < 0 && started !== -EINPROGRESS) {
      socket.close();
      this.#note(-started, address);
      return 'done';
    }
    if (this.#hasEnded(socket, address, dialer)) return 'done';
    const watch = new Watch(socket.number, () => {
      if (!this.#hasEnded(socket, address, dialer)) return;
      if (this.result === undefined) this.startNext();
    });
    this.#waiting.set(socket, { address, watch });
    watch.want(WRITABLE);
    return 'waits';
  }

  /** @returns undefined if the socket is connected to the wanted peer, and settled */
  #failureOf(socket: OwnedFd, wanted: Endpoint, peer: Endpoint | undefined): number | undefined {
    if (peer === undefined) return -takeSocketError(socket.number) || ECONNRESET;
    if (
      !(
        /* protects: G6 channel: the peer is compared before the hand-over => true */ isSameEndpoint(
          peer,
          wanted,
        )
      )
    )
      return ECONNABORTED;
    // If it were not settled, the plugin's first connect(2) on it would return 0 for any address. A reset that came meanwhile shows here,
    // and only here.
    const settled = settleConnect(socket.number);
    return SETTLED.includes(settled) ? undefined : -settled;
  }

  /** Whether the attempt has ended. getpeername(2) names a peer only in a connected state. */
  #hasEnded(
    socket: OwnedFd,
    address: Address,
    { own, peer: wanted }: Dialer & { readonly peer: Endpoint },
  ): boolean {
    const peer = peerOf(socket.number);
    if (peer === undefined && !writableNow(socket.number)) return false;
    this.#waiting.get(socket)?.watch?.close();
    this.#waiting.delete(socket);
    const errno = this.#failureOf(socket, wanted, peer);
    if (errno === undefined && own !== undefined) {
      this.finish({ outcome: 'connected', socket, own, address, peer: wanted });
      return true;
    }
    socket.close();
    this.#note(errno ?? ECONNABORTED, address);
    return true;
  }

  /** Keeps the most telling errno. Of equal ones it keeps the first, which is the preferred address's. */
  #note(errno: number, address: Address): void {
    if (this.#failure === undefined || telling(errno) > telling(this.#failure.errno)) {
      this.#failure = { errno, address };
    }
  }

  #giveUp(): void {
    const { errno, address } = this.#failure ?? { errno: ECONNABORTED, address: undefined };
    this.finish({ outcome: outcomeOf(errno), errno: errnoName(errno), address });
  }
}

/** The first says most about the peer, the last only something about this host. */
const TELLING: readonly string[] = ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'];

function telling(errno: number): number {
  const rank = TELLING.indexOf(errnoName(errno));
  return rank < 0 ? 0 : TELLING.length - rank;
}

// How a connect ended, by its errno. Pure.

export function outcomeOf(errno: number): Exclude<Outcome, 'connected'> {
  switch (errnoName(errno)) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ETIMEDOUT':
      return 'timeout';
    case 'ECONNRESET':
    case 'ECONNABORTED':
      return 'reset';
    default:
      return 'unreachable';
  }
}

// The endpoint that a socket of a family dials for an address. Pure.

/** @param ofSocket the socket's family: an IPv4 address is mapped for an IPv6 socket */
export function endpointOf({ family, bytes }: Address, port: number, ofSocket: 4 | 6): Endpoint {
  if (ofSocket === family) return { bytes, port };
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff], 10);
  mapped.set(bytes, 12);
  return { bytes: mapped, port };
}
