// How many connections of a plugin are open, where that is limited. The broker keeps no descriptor of them: the kernel tells which
// socket has ended (socket-ends.ts), and whether somebody holds one. Runs in the broker.
//
// What they are found by lies in memory that the supervisor keeps, for the next broker.
import { LOOKED_AT_CONNECTIONS, LOOKS_PER_SECOND } from '../../shared/limits.js';
import { MappedMemory } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import { cookieOf, SOCKET_ID_BYTES, writeSocketId } from '../../shared/sys/socket-diag.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import type { SocketCounter, SocketEnds } from './socket-ends.js';

/** A place for one connection, from before it is dialled. */
export interface Claim {
  /** False: as many are open, or being made, as may be. */
  readonly granted: boolean;
  /** The connection is the plugin's from here on, and keeps the place while some process holds it. */
  hold(socket: OwnedFd, peer: Endpoint): void;
  /** Gives the place back where no connection holds it. */
  release(): void;
}

const REFUSED: Claim = { granted: false, hold: () => {}, release: () => {} };

export class OpenConnections implements SocketCounter {
  readonly limit: number;
  readonly #ends: Pick<SocketEnds, 'add' | 'remove' | 'take' | 'areHeld'>;
  readonly #memory: MappedMemory;
  readonly #free: Uint8Array[] = [];
  /** Who has not been looked at for longest comes first. */
  readonly #held = new Map<bigint, Uint8Array>();
  #claimed = 0;
  /** False: the memory is gone. */
  #open = true;
  /** A plugin that asks on and on at its limit costs the broker so much and no more. */
  readonly #looks = new TokenBucket(LOOKS_PER_SECOND);
  #looking: NodeJS.Immediate | undefined;

  /** @param memory `limit` places of SOCKET_ID_BYTES, with what a former broker left in them */
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

  /** Open ones, and those that are being made. */
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

  /** Looks at all of them, a part in each turn of the event loop. */
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

  /** What the plugin has closed makes room at once: the kernel may still deliver its last bytes, and tells of its end later. */
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
