// Counts the open connections of a plugin whose connections are limited. The broker keeps no descriptor of them. The kernel reports which
// socket has ended (socket-ends.ts), and says whether any process holds one. Runs in the broker. The ids by which the kernel finds them lie
// in memory that the supervisor keeps for the next broker.
import { LOOKED_AT_CONNECTIONS, LOOKS_PER_SECOND } from '../../shared/limits.js';
import { MappedMemory } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import { cookieOf, SOCKET_ID_BYTES, writeSocketId } from '../../shared/sys/socket-diag.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import type { SocketCounter, SocketEnds } from './socket-ends.js';

/** A place for one connection, claimed before the dial. */
export interface Claim {
  /** False: the limit is reached, with the connections that are being made. */
  readonly granted: boolean;
  /** The plugin has the connection from now on. It keeps its place while any process holds it. */
  hold(socket: OwnedFd, peer: Endpoint): void;
  /** Gives the place back if no connection holds it. */
  release(): void;
}

const REFUSED: Claim = { granted: false, hold: () => {}, release: () => {} };

/** Places for connections. */
export interface ConnectionPlaces {
  readonly limit: number;
  claim(): Claim;
  close(): void;
}

/** For a plugin whose connections cannot be counted. */
export const NO_CONNECTIONS: ConnectionPlaces = { limit: 0, claim: () => REFUSED, close: () => {} };

export class OpenConnections implements ConnectionPlaces, SocketCounter {
  readonly limit: number;
  readonly #ends: Pick<SocketEnds, 'add' | 'remove' | 'take' | 'areHeld'>;
  readonly #memory: MappedMemory;
  readonly #free: Uint8Array[] = [];
  /** The one with the oldest look comes first. */
  readonly #held = new Map<bigint, Uint8Array>();
  #claimed = 0;
  /** False: the memory is unmapped. */
  #open = true;
  /** Bounds what a plugin costs that keeps asking at its limit. */
  readonly #looks = new TokenBucket(LOOKS_PER_SECOND);
  #looking: NodeJS.Immediate | undefined;

  /** @param memory `limit` places of SOCKET_ID_BYTES, as a former broker left them */
  constructor(limit: number, memory: OwnedFd, ends: Pick<SocketEnds, 'add' | 'remove' | 'take' | 'areHeld'>) {
    this.limit = limit;
    this.#ends = ends;
    this.#memory = new MappedMemory(memory.number, limit * SOCKET_ID_BYTES);
    for (let at = 0; at < limit; at += 1) {
      const place = this.#memory.bytes.subarray(at * SOCKET_ID_BYTES, (at + 1) * SOCKET_ID_BYTES);
      const cookie = cookieOf(place);
      if (cookie === 0n) this.#free.push(place);
      else this.#held.set(cookie, place);
    }
    ends.add(this);
    if (this.#held.size > 0) this.endsLost();
  }

  /** Connections that are open or being made. */
  get count(): number {
    return this.#held.size + this.#claimed;
  }

  claim(): Claim {
    if (this.count >= this.limit) this.#ends.take();
    if (this.count >= this.limit && this.#looks.take(Math.min(this.#held.size, LOOKED_AT_CONNECTIONS)))
      this.#look();
    const place = this.count < this.limit ? this.#free.pop() : undefined;
    if (place === undefined) return REFUSED;
    this.#claimed += 1;
    let claimed = true;
    const settle = (): boolean => {
      const first = claimed;
      if (first) this.#claimed -= 1;
      claimed = false;
      return first && this.#open;
    };
    return {
      granted: true,
      hold: (socket, peer) => {
        if (settle()) this.#held.set(writeSocketId(socket.number, peer, place), place);
      },
      release: () => {
        if (settle()) this.#free.push(place);
      },
    };
  }

  socketEnded(cookie: bigint): void {
    const place = this.#held.get(cookie);
    if (place === undefined) return;
    this.#held.delete(cookie);
    place.fill(0);
    this.#free.push(place);
  }

  /** Looks at all connections, some in each turn of the event loop. */
  endsLost(): void {
    let left = this.#held.size;
    const look = (): void => {
      this.#looking = undefined;
      this.#look();
      left -= LOOKED_AT_CONNECTIONS;
      if (left > 0) this.#looking = setImmediate(look);
    };
    this.#looking ??= setImmediate(look);
  }

  close(): void {
    this.#open = false;
    clearImmediate(this.#looking);
    this.#ends.remove(this);
    this.#memory.close();
  }

  /** A closed connection gives its place back at once. The kernel may still deliver the last bytes, and reports the end later. */
  #look(): void {
    const chosen: [bigint, Uint8Array][] = [];
    for (const entry of this.#held) {
      if (chosen.length >= LOOKED_AT_CONNECTIONS) break;
      chosen.push(entry);
    }
    const held = this.#ends.areHeld(chosen.map(([, place]) => place));
    for (const [index, [cookie, place]] of chosen.entries()) {
      if (held[index] === true) {
        this.#held.delete(cookie);
        this.#held.set(cookie, place);
      } else this.socketEnded(cookie);
    }
  }
}
