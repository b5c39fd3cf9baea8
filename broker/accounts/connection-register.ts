// The open connections of one plugin: which there are, how many the limit `connections` permits, and what each carried when it has ended. Runs
// in the broker, which keeps no descriptor of them. The kernel reports which socket has ended (socket-ends.ts), and says whether any process
// holds one. The register lies in memory that the supervisor keeps for the next broker.
import { CONNECTION_SLOTS, LOOKED_AT_CONNECTIONS, LOOKS_PER_SECOND } from '../../shared/limits.js';
import type { EndCause } from '../../shared/reasons.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import { isUnixSocketId, type SocketLook, writeSocketId } from '../../shared/sys/socket-diag.js';
import type { TcpAccount } from '../../shared/sys/tcp-account.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import { ByteSums } from './byte-sums.js';
import type { Carried } from './carried.js';
import { type ConnectionDescription, readDescription, writeDescription } from './connection-description.js';
import { Place } from './connection-place.js';
import type { Claim, ConnectionEvents, ConnectionPlaces, NotedConnection } from './connection-places.js';
import { NO_CONNECTIONS, REFUSED } from './connection-places.js';
import { type ConnectionSlot, ConnectionSlots } from './connection-slots.js';
import { HostSockets } from './host-sockets.js';
import { KnownConnections } from './known-connections.js';
import { LostEnds } from './lost-ends.js';
import { monotonicMs } from './monotonic-ms.js';
import { newestInParts } from './newest-in-parts.js';
import { type Entry, entryOf, firstOf, isHeld, notedOf, oldestOf } from './noted-slots.js';
import type { SocketEnds, SocketOwner } from './socket-ends.js';

type Ends = Pick<SocketEnds, 'add' | 'remove' | 'own' | 'disown' | 'take' | 'look' | 'knowsUnix'>;

export class ConnectionRegister implements ConnectionPlaces, SocketOwner {
  readonly #ends: Ends;
  readonly #events: ConnectionEvents;
  readonly #slots: ConnectionSlots;
  readonly #sums: ByteSums;
  readonly hostSockets: HostSockets;
  readonly #known = new KnownConnections();
  #limit: number = CONNECTION_SLOTS;
  #claimed = 0;
  /** False: the memory is unmapped. */
  #open = true;
  /** Bounds what a plugin costs that keeps asking at its limit. */
  readonly #looks = new TokenBucket(LOOKS_PER_SECOND);
  readonly #lost: LostEnds = new LostEnds(this);

  constructor(memory: OwnedFd, ends: Ends, events: ConnectionEvents) {
    this.#ends = ends;
    this.#events = events;
    this.#slots = new ConnectionSlots(memory);
    this.#sums = new ByteSums(this.#slots);
    const ofHost = this.#slots.taken.filter(({ id }) => isUnixSocketId(id));
    this.hostSockets = new HostSockets(this.#slots, ofHost, ends, events);
    for (const slot of this.#slots.taken.filter(({ id }) => !isUnixSocketId(id))) {
      this.#known.add(slot.cookie, slot);
      ends.own(slot.cookie, this);
    }
    ends.add(this);
  }

  get limit(): number {
    return this.#limit;
  }

  get open(): number {
    return this.#known.held.size;
  }

  bound(limit: number | undefined): void {
    this.#limit = limit ?? CONNECTION_SLOTS;
  }

  claim(): Claim {
    if (this.#isFull()) this.#ends.take();
    if (this.#isFull() && this.#looks.take(Math.min(this.open, LOOKED_AT_CONNECTIONS))) this.#look();
    const slot = this.#isFull() ? undefined : this.#slots.take();
    if (slot === undefined) return REFUSED;
    this.#claimed += 1;
    return new Place(this, slot);
  }

  /** @returns whether the register is open */
  conclude(): boolean {
    this.#claimed -= 1;
    return this.#open;
  }

  hold(
    slot: ConnectionSlot,
    socket: OwnedFd,
    own: Endpoint,
    peer: Endpoint,
    description: ConnectionDescription,
  ): void {
    slot.since = monotonicMs();
    slot.isUnderWay = true;
    // Before the cookie, which makes the slot a connection's: the next broker finds no connection without a description.
    // protects: G8 accounts: a connection is described before the plugin has it
    writeDescription(slot, description);
    const cookie = writeSocketId(socket.number, own, peer, slot.id);
    this.#known.add(cookie, slot);
    // protects: G8 accounts: a connection is noted before the plugin has it
    this.#ends.own(cookie, this);
    this.#events.held();
  }

  settle(slot: ConnectionSlot, cookie: bigint, connected: boolean): void {
    if (this.#find(cookie) !== slot) return;
    slot.isUnderWay = false;
    slot.connected = connected;
  }

  /** The plugin did not get it. */
  discard(slot: ConnectionSlot, cookie: bigint): void {
    if (cookie === 0n) this.#slots.free(slot);
    else if (this.#find(cookie) === slot) this.#remove(cookie, slot);
  }

  has(cookie: bigint): boolean {
    return this.#find(cookie) !== undefined;
  }

  socketEnded(cookie: bigint, account: TcpAccount | undefined): void {
    this.#end(cookie, account);
  }

  endsLost(): void {
    this.#lost.begin(this.#known.size);
  }

  lookForGone(): readonly bigint[] {
    const gone: bigint[] = [];
    for (const [look, [cookie, slot]] of this.#lookAt(this.#known.oldestLooks(), false)) {
      if (look.kind === 'gone') gone.push(cookie);
      this.#known.sort(cookie, slot, isHeld(look));
    }
    return gone;
  }

  endLost(cookies: readonly bigint[]): void {
    this.#ends.take();
    for (const cookie of cookies) this.socketEnded(cookie, undefined);
  }

  noted(): readonly NotedConnection[] {
    return [...this.#known.held.values()].map(notedOf);
  }

  async *newest(most: number, atOnce: number): AsyncGenerator<readonly NotedConnection[], void> {
    // One may have ended meanwhile, and its slot may be another one's.
    for await (const part of newestInParts(this.#known.held, most, atOnce, () => this.#open))
      yield part
        .filter(([cookie, slot]) => this.#open && this.#known.held.get(cookie) === slot)
        .map(([, slot]) => notedOf(slot));
  }

  survey(most: number): void {
    if (!this.#open) return;
    for (const [look, [cookie, slot]] of this.#lookAt(firstOf(this.#known.held, most), true)) {
      this.#sums.see(slot, look);
      this.#known.sort(cookie, slot, isHeld(look));
    }
  }

  get carried(): ConnectionPlaces['carried'] {
    return this.#sums.open;
  }

  get cookies(): readonly bigint[] {
    return this.#known.cookies;
  }

  count(cookies: readonly bigint[]): void {
    for (const [look, [, slot]] of this.#lookAt(this.#entriesOf(cookies), true)) this.#sums.see(slot, look);
  }

  total(): Carried {
    this.#ends.take();
    return this.#open ? this.#sums.total : NO_CONNECTIONS.total();
  }

  oldest(): number | undefined {
    return oldestOf(this.#known.held.values());
  }

  look(connections: readonly NotedConnection[], accounts: boolean): readonly SocketLook[] {
    const entries = this.#entriesOf(connections.map(({ cookie }) => cookie));
    const looks = new Map(this.#lookAt(entries, accounts).map(([look, [cookie]]) => [cookie, look]));
    return connections.map(({ cookie }) => looks.get(cookie) ?? { kind: 'gone' });
  }

  ended({ cookie }: NotedConnection, account: TcpAccount | undefined, cause: EndCause): void {
    this.#end(cookie, account, cause);
  }

  reportLast(): void {
    const gone: bigint[] = [];
    const unheld: Entry[] = [];
    for (const [look, entry] of this.#lookAt(this.#known.all, false)) {
      if (look.kind === 'gone') gone.push(entry[0]);
      // A connection that no process holds has no lock to wait for.
      if (look.kind === 'there' && look.inode === 0) unheld.push(entry);
    }
    for (const [look, [cookie]] of this.#lookAt(unheld, true)) {
      if (look.kind === 'there') this.#end(cookie, look.account);
      if (look.kind === 'gone') gone.push(cookie);
    }
    // A broker that died may have taken their reports along.
    this.endLost(gone);
  }

  close(): void {
    this.#open = false;
    this.hostSockets.close();
    this.#lost.close();
    this.#ends.remove(this);
    for (const cookie of this.cookies) this.#ends.disown(cookie);
    this.#slots.close();
  }

  #isFull(): boolean {
    return this.open + this.#claimed >= this.#limit;
  }

  #find(cookie: bigint): ConnectionSlot | undefined {
    return this.#open ? this.#known.find(cookie) : undefined;
  }

  #entriesOf(cookies: readonly bigint[]): readonly Entry[] {
    return cookies.flatMap((cookie) => entryOf(cookie, this.#find(cookie)));
  }

  #end(cookie: bigint, account: TcpAccount | undefined, cause?: EndCause): void {
    const slot = this.#find(cookie);
    if (slot === undefined) return;
    const durationMs = Math.max(0, monotonicMs() - slot.since);
    const description = readDescription(slot);
    // The kernel counts for a connection that its program reset (SO_LINGER) as for one that no peer has answered.
    const isForgotten =
      /* protects: G22 accounts: a connection that the kernel has forgotten has its event => false */ account?.established ===
        false && slot.connected;
    const known = isForgotten ? undefined : account;
    // Without an answer of the peer there was no connection.
    const isOwed = known?.established !== false;
    if (isOwed) this.#events.owe();
    // protects: G8 quota: connections that have ended count
    this.#sums.end(slot, known);
    this.#remove(cookie, slot);
    if (isOwed) this.#events.ended({ durationMs, description, account: known, cause });
  }

  #remove(cookie: bigint, slot: ConnectionSlot): void {
    this.#known.remove(cookie);
    this.#ends.disown(cookie);
    this.#sums.forget(slot);
    this.#slots.free(slot);
  }

  /** A closed connection gives its place back at once. The kernel may still deliver the last bytes, and reports the end later. */
  #look(): void {
    for (const [look, [cookie, slot]] of this.#lookAt(
      firstOf(this.#known.held, LOOKED_AT_CONNECTIONS),
      false,
    ))
      this.#known.sort(cookie, slot, isHeld(look));
  }

  #lookAt(entries: readonly Entry[], accounts: boolean): (readonly [SocketLook, Entry])[] {
    const looks = this.#ends.look(
      entries.map(([, { id }]) => id),
      accounts,
    );
    return entries.map((entry, at) => [looks[at] ?? { kind: 'unknown' }, entry]);
  }
}
