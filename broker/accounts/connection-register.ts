// The open connections of one plugin: which there are, how many the limit `connections` permits, and what each carried when it has ended. Runs
// in the broker, which keeps no descriptor of them. The kernel reports which socket has ended (socket-ends.ts), and says whether any process
// holds one. The register lies in memory that the supervisor keeps for the next broker.
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  CONNECTION_SLOTS,
  LATE_REPORT_MS,
  LOOKED_AT_CONNECTIONS,
  LOOKS_PER_SECOND,
} from '../../shared/limits.js';
import type { EndCause } from '../../shared/reasons.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import { peerIn, type SocketLook, writeSocketId } from '../../shared/sys/socket-diag.js';
import type { TcpAccount } from '../../shared/sys/tcp-account.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import { type ConnectionDescription, readDescription, writeDescription } from './connection-description.js';
import { Place } from './connection-place.js';
import {
  type Claim,
  type ConnectionPlaces,
  type EndedConnection,
  type NotedConnection,
  REFUSED,
} from './connection-places.js';
import { type ConnectionSlot, ConnectionSlots } from './connection-slots.js';
import { monotonicMs } from './monotonic-ms.js';
import { newestConnections } from './newest-connections.js';
import type { SocketEnds, SocketOwner } from './socket-ends.js';

type Carried = ConnectionPlaces['carried'];
type Ends = Pick<SocketEnds, 'add' | 'remove' | 'own' | 'disown' | 'take' | 'look'>;

export class ConnectionRegister implements ConnectionPlaces, SocketOwner {
  readonly #ends: Ends;
  readonly #onEnd: (ended: EndedConnection) => void;
  readonly #slots: ConnectionSlots;
  /** The one with the oldest look comes first. */
  readonly #held = new Map<bigint, ConnectionSlot>();
  /** No process holds them any more. The kernel still delivers their last bytes, and then reports their end. */
  readonly #closing = new Map<bigint, ConnectionSlot>();
  /** Those of former brokers. */
  readonly #left = new Set<bigint>();
  readonly #carried = { sentBytes: 0, receivedBytes: 0 };
  #limit: number = CONNECTION_SLOTS;
  #claimed = 0;
  /** False: the memory is unmapped. */
  #open = true;
  /** Bounds what a plugin costs that keeps asking at its limit. */
  readonly #looks = new TokenBucket(LOOKS_PER_SECOND);
  #looking: NodeJS.Immediate | undefined;
  readonly #concluding = new Set<NodeJS.Timeout>();

  /** @param memory see {@link ConnectionSlots} @param onEnd called for each connection that has ended, after it was established */
  constructor(memory: OwnedFd, ends: Ends, onEnd: (ended: EndedConnection) => void) {
    this.#ends = ends;
    this.#onEnd = onEnd;
    this.#slots = new ConnectionSlots(memory);
    for (const slot of this.#slots.taken) {
      this.#held.set(slot.cookie, slot);
      this.#left.add(slot.cookie);
      ends.own(slot.cookie, this);
    }
    ends.add(this);
  }

  get limit(): number {
    return this.#limit;
  }

  get open(): number {
    return this.#held.size;
  }

  bound(limit: number | undefined): void {
    this.#limit = limit ?? CONNECTION_SLOTS;
  }

  claim(): Claim {
    if (this.#isFull()) this.#ends.take();
    if (this.#isFull() && this.#looks.take(Math.min(this.#held.size, LOOKED_AT_CONNECTIONS))) this.#look();
    const slot = this.#isFull() ? undefined : this.#slots.take();
    if (slot === undefined) return REFUSED;
    this.#claimed += 1;
    return new Place(this, slot);
  }

  /** @returns whether the register is open */
  settle(): boolean {
    this.#claimed -= 1;
    return this.#open;
  }

  hold(slot: ConnectionSlot, socket: OwnedFd, own: Endpoint, peer: Endpoint): void {
    slot.since = monotonicMs();
    const cookie = writeSocketId(socket.number, own, peer, slot.id);
    this.#held.set(cookie, slot);
    this.#ends.own(cookie, this);
  }

  describe(slot: ConnectionSlot, cookie: bigint, description: ConnectionDescription): void {
    if (this.#find(cookie) === slot) writeDescription(slot, description);
  }

  /** The plugin did not get it. */
  discard(slot: ConnectionSlot, cookie: bigint): void {
    if (cookie === 0n) this.#slots.free(slot);
    else if (this.#find(cookie) === slot) this.#remove(cookie, slot);
  }

  socketEnded(cookie: bigint, account: TcpAccount | undefined): void {
    const slot = this.#find(cookie);
    if (slot !== undefined) this.#end(cookie, slot, account);
  }

  /** Looks at all connections, some in each turn of the event loop. What is gone has ended, and its report was lost. */
  endsLost(): void {
    let left = this.#held.size + this.#closing.size;
    const look = (): void => {
      this.#looking = undefined;
      this.#lookForLost();
      left -= LOOKED_AT_CONNECTIONS;
      if (left > 0) this.#looking = setImmediate(look);
    };
    this.#looking ??= setImmediate(look);
  }

  noted(): readonly NotedConnection[] {
    return [...this.#held].map(([cookie, slot]) => this.#describe(cookie, slot));
  }

  async *newest(most: number, atOnce: number): AsyncGenerator<readonly NotedConnection[], void> {
    const newest = await newestConnections(this.#held, most, () => this.#open);
    for (let at = 0; at < newest.length; at += atOnce) {
      await nextTurn();
      // It may have ended meanwhile, and its slot may be another one's.
      const there = newest
        .slice(at, at + atOnce)
        .filter(([cookie, slot]) => this.#open && this.#held.get(cookie) === slot);
      yield there.map(([cookie, slot]) => this.#describe(cookie, slot));
    }
  }

  survey(most: number): void {
    if (!this.#open) return;
    for (const [look, [cookie, slot]] of this.#lookAt(firstOf(this.#held, most), true)) {
      if (look.kind === 'there' && look.account !== undefined) this.#carry(slot, look.account);
      this.#sort(cookie, slot, isHeld(look));
    }
  }

  get carried(): Carried {
    return this.#carried;
  }

  look(connections: readonly NotedConnection[], accounts: boolean): readonly SocketLook[] {
    const slots = connections.map(({ cookie }) => this.#find(cookie));
    const looks = this.#ends.look(
      slots.flatMap((slot) => (slot === undefined ? [] : [slot.id])),
      accounts,
    );
    let at = 0;
    return slots.map((slot) => {
      if (slot === undefined) return { kind: 'gone' };
      at += 1;
      return looks[at - 1] ?? { kind: 'unknown' };
    });
  }

  ended({ cookie }: NotedConnection, account: TcpAccount | undefined, cause: EndCause): void {
    const slot = this.#find(cookie);
    if (slot !== undefined) this.#end(cookie, slot, account, cause);
  }

  reportLast(): void {
    const all = [...this.#held, ...this.#closing];
    // A connection that no process holds has no lock to wait for.
    const unheld = this.#lookAt(all, false).filter(([look]) => look.kind === 'there' && look.inode === 0);
    const entries = unheld.map(([, entry]) => entry);
    for (const [look, [cookie, slot]] of this.#lookAt(entries, true))
      if (look.kind === 'there') this.#end(cookie, slot, look.account);
  }

  close(): void {
    this.#open = false;
    clearImmediate(this.#looking);
    for (const timer of this.#concluding) clearTimeout(timer);
    this.#ends.remove(this);
    for (const cookie of [...this.#held.keys(), ...this.#closing.keys()]) this.#ends.disown(cookie);
    this.#slots.close();
  }

  #describe(cookie: bigint, slot: ConnectionSlot): NotedConnection {
    const description = readDescription(slot);
    const isLeft = description === undefined && this.#left.has(cookie);
    return { cookie, since: slot.since, description, peer: peerIn(slot.id), isLeft };
  }

  #carry(slot: ConnectionSlot, { sentBytes, receivedBytes }: Carried): void {
    this.#carried.sentBytes += sentBytes - slot.sentBytes;
    this.#carried.receivedBytes += receivedBytes - slot.receivedBytes;
    Object.assign(slot, { sentBytes, receivedBytes });
  }

  #isFull(): boolean {
    return this.#held.size + this.#claimed >= this.#limit;
  }

  #find(cookie: bigint): ConnectionSlot | undefined {
    return this.#open ? (this.#held.get(cookie) ?? this.#closing.get(cookie)) : undefined;
  }

  #end(cookie: bigint, slot: ConnectionSlot, account: TcpAccount | undefined, cause?: EndCause): void {
    const durationMs = Math.max(0, monotonicMs() - slot.since);
    const description = readDescription(slot);
    this.#remove(cookie, slot);
    // Without an answer of the peer there was no connection.
    if (account?.established !== false) this.#onEnd({ durationMs, description, account, cause });
  }

  #remove(cookie: bigint, slot: ConnectionSlot): void {
    this.#held.delete(cookie);
    this.#closing.delete(cookie);
    this.#left.delete(cookie);
    this.#ends.disown(cookie);
    this.#carry(slot, { sentBytes: 0, receivedBytes: 0 });
    this.#slots.free(slot);
  }

  /** A closed connection gives its place back at once. The kernel may still deliver the last bytes, and reports the end later. */
  #look(): void {
    for (const [look, [cookie, slot]] of this.#lookAt(firstOf(this.#held, LOOKED_AT_CONNECTIONS), false))
      this.#sort(cookie, slot, isHeld(look));
  }

  #lookForLost(): void {
    const held = firstOf(this.#held, LOOKED_AT_CONNECTIONS);
    const closing = firstOf(this.#closing, LOOKED_AT_CONNECTIONS - held.length);
    const gone: (readonly [bigint, ConnectionSlot])[] = [];
    for (const [look, [cookie, slot]] of this.#lookAt([...held, ...closing], false)) {
      if (look.kind === 'gone') gone.push([cookie, slot]);
      this.#sort(cookie, slot, isHeld(look));
    }
    if (gone.length > 0) this.#concludeLater(gone);
  }

  /** The kernel reports an end some time after the socket is gone. */
  #concludeLater(gone: readonly (readonly [bigint, ConnectionSlot])[]): void {
    const timer = setTimeout(() => {
      this.#concluding.delete(timer);
      this.#ends.take();
      for (const [cookie, slot] of gone) if (this.#find(cookie) === slot) this.#end(cookie, slot, undefined);
    }, LATE_REPORT_MS).unref();
    this.#concluding.add(timer);
  }

  /** Puts a connection last among those like it. */
  #sort(cookie: bigint, slot: ConnectionSlot, isHeld: boolean): void {
    this.#held.delete(cookie);
    this.#closing.delete(cookie);
    (isHeld ? this.#held : this.#closing).set(cookie, slot);
  }

  #lookAt(
    entries: readonly (readonly [bigint, ConnectionSlot])[],
    accounts: boolean,
  ): (readonly [SocketLook, readonly [bigint, ConnectionSlot]])[] {
    const looks = this.#ends.look(
      entries.map(([, { id }]) => id),
      accounts,
    );
    return entries.map((entry, at) => [looks[at] ?? { kind: 'unknown' }, entry]);
  }
}

function isHeld(look: SocketLook): boolean {
  return look.kind === 'unknown' || (look.kind === 'there' && look.inode !== 0);
}

function firstOf<V>(map: ReadonlyMap<bigint, V>, count: number): readonly (readonly [bigint, V])[] {
  const first: (readonly [bigint, V])[] = [];
  for (const entry of map) {
    if (first.length >= count) break;
    first.push(entry);
  }
  return first;
}
