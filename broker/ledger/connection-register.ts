// The open connections of one plugin: which there are, how many the limit `connections` permits, and what each carried when it has ended. Runs
// in the broker, which keeps no descriptor of them. The kernel reports which socket has ended (socket-ends.ts), and says whether any process
// holds one. The register lies in memory that the supervisor keeps for the next broker.

import { fstatSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  CONNECTION_SLOTS,
  LOOKS_PER_SECOND,
  SORTED_CONNECTIONS,
  SURVEYED_CONNECTIONS,
} from '../../shared/limits.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import { isUnixSocketId, type SocketLook, writeSocketId } from '../../shared/sys/socket-diag.js';
import type { TcpAccount } from '../../shared/sys/socket-state.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import type { EndCause } from '../../shared/words.js';
import { ByteSums } from './byte-sums.js';
import { HostSocketRegister } from './host-socket-register.js';
import {
  type Claim,
  type ConnectionDescription,
  type ConnectionEvents,
  type Entry,
  entryOf,
  firstOf,
  type HeldConnection,
  isHeld,
  lookAt,
  NO_CONNECTIONS,
  type NotedConnection,
  noteCause,
  notedOf,
  oldestOf,
  REFUSED,
  type Register,
  readDescription,
  writeDescription,
} from './register.js';
import { type Carried, type ConnectionSlot, monotonicMs, SlotMemory } from './slot-memory.js';
import type { SocketEnds, SocketOwner } from './socket-ends.js';

/** How long after a socket is gone its report may still come. */
const LATE_REPORT_MS = 500;
/** How long the whole broker waits for such reports when a plugin ends. They mostly come within one. */
const LAST_REPORTS_MS = 20;
/** Connections of a plugin at its limit that the broker checks for closed ones at a time. */
const LOOKED_AT_CONNECTIONS = 256;

type Ends = Pick<SocketEnds, 'add' | 'remove' | 'own' | 'disown' | 'take' | 'look' | 'knowsUnix'>;

export class ConnectionRegister implements Register, SocketOwner {
  readonly #ends: Ends;
  readonly #events: ConnectionEvents;
  readonly #slots: SlotMemory;
  readonly #sums: ByteSums;
  readonly hostSockets: HostSocketRegister;
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
    this.#slots = new SlotMemory(memory);
    this.#sums = new ByteSums(this.#slots, (more) => events.carried(more));
    const ofHost = this.#slots.taken.filter(({ id }) => isUnixSocketId(id));
    this.hostSockets = new HostSocketRegister(this.#slots, ofHost, ends, events);
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

  get hasRoom(): boolean {
    return this.open + this.#claimed < this.#limit;
  }

  bound(limit: number | undefined): void {
    this.#limit = limit ?? CONNECTION_SLOTS;
  }

  claim(): Claim {
    if (!this.hasRoom) this.#ends.take();
    if (!this.hasRoom && this.#looks.take(Math.min(this.open, LOOKED_AT_CONNECTIONS)))
      this.#look(firstOf(this.#known.held, LOOKED_AT_CONNECTIONS));
    const slot = this.hasRoom ? this.#slots.take() : undefined;
    if (slot === undefined) return REFUSED;
    this.#claimed += 1;
    return new ClaimedSlot(this, slot);
  }

  /** A claim is over. @returns whether the register is open */
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
    slot.inode = fstatSync(socket.number).ino;
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

  settle(slot: ConnectionSlot, cookie: bigint, mayBeConnected: boolean): void {
    if (this.#find(cookie) !== slot) return;
    slot.isUnderWay = false;
    slot.mayBeConnected = mayBeConnected;
  }

  /** The plugin did not get it. @param cookie 0: no connection holds it */
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
    this.#lost.concludeLater([...this.#known.over.keys()]);
  }

  /** Looks at LOOKED_AT_CONNECTIONS, those with the oldest look. @returns the cookies of those that are gone */
  lookForGone(): readonly bigint[] {
    return this.#look(this.#known.oldestLooks());
  }

  /** Takes the reports that have come meanwhile. What they leave of these connections has ended. */
  endLost(cookies: readonly bigint[]): void {
    this.#ends.take();
    for (const cookie of cookies) this.socketEnded(cookie, undefined);
  }

  noted(cookies: readonly bigint[] = this.cookies): readonly NotedConnection[] {
    return this.#entriesOf(cookies).map(([, slot]) => notedOf(slot));
  }

  async *newest(most: number, atOnce: number): AsyncGenerator<readonly NotedConnection[], void> {
    // One may have ended meanwhile, and its slot may be another one's.
    for await (const part of newestInParts(this.#known.held, most, atOnce, () => this.#open))
      yield part
        .filter(([cookie, slot]) => this.#open && this.#known.held.get(cookie) === slot)
        .map(([, slot]) => notedOf(slot));
  }

  survey(most: number): void {
    if (this.#open) this.#see(this.#lookAt(firstOf(this.#known.held, most), true));
  }

  get cookies(): readonly bigint[] {
    return [...this.#known.held.keys()];
  }

  count(cookies: readonly bigint[]): void {
    this.#see(this.#lookAt(this.#entriesOf(cookies), true));
  }

  over(milliseconds: number, isWanted: (cookie: bigint) => boolean): readonly HeldConnection[] {
    return this.#overFor(milliseconds)
      .filter(([cookie]) => isWanted(cookie))
      .slice(0, SURVEYED_CONNECTIONS)
      .map(([, slot]) => ({ connection: notedOf(slot), inode: slot.inode }));
  }

  get uncounted(): number {
    return this.#known.held.size + this.#known.over.size;
  }

  hasOver(milliseconds: number): boolean {
    return this.#overFor(milliseconds).length > 0;
  }

  /** The kernel may report it a little later. One that is under way is the broker's own. */
  #overFor(milliseconds: number): readonly Entry[] {
    if (!this.#open || this.#known.over.size === 0) return [];
    const latest = monotonicMs() - milliseconds;
    return [...this.#known.over].filter(
      ([, { isUnderWay, overSince = 0 }]) => !isUnderWay && overSince <= latest,
    );
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

  ended({ cookie }: NotedConnection, account: TcpAccount | undefined, cause: EndCause | undefined): void {
    this.#end(cookie, account, cause);
  }

  endWithPlugin(connections: readonly NotedConnection[], cause: EndCause): void {
    noteCause(this.#entriesOf(connections.map(({ cookie }) => cookie)), cause);
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
    // protects: G22 accounts: a report that comes a moment after the socket is gone is waited for => void gone;
    this.#awaitReports(gone);
    // A broker that died may have taken their reports along.
    this.endLost(gone);
    this.hostSockets.reportLast();
  }

  /** The kernel sends them from a work queue. */
  #awaitReports(cookies: readonly bigint[]): void {
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; waited < LAST_REPORTS_MS; waited += 1) {
      this.#ends.take();
      if (cookies.every((cookie) => this.#find(cookie) === undefined)) return;
      Atomics.wait(sleeper, 0, 0, 1);
    }
  }

  close(): void {
    this.#open = false;
    this.hostSockets.close();
    this.#lost.close();
    this.#ends.remove(this);
    for (const [cookie] of this.#known.all) this.#ends.disown(cookie);
    this.#slots.close();
  }

  #find(cookie: bigint): ConnectionSlot | undefined {
    return this.#open ? this.#known.find(cookie) : undefined;
  }

  #entriesOf(cookies: readonly bigint[]): readonly Entry[] {
    return cookies.flatMap((cookie) => entryOf(cookie, this.#find(cookie)));
  }

  #end(cookie: bigint, account: TcpAccount | undefined, because?: EndCause): void {
    const slot = this.#find(cookie);
    if (slot === undefined) return;
    const cause = because ?? slot.cause;
    const durationMs = Math.max(0, monotonicMs() - slot.since);
    const description = readDescription(slot);
    // A program has reset it (SO_LINGER). What is known to have failed had no peer.
    const isForgotten =
      /* protects: G22 accounts: a connection that the kernel has forgotten has its event => false */ account?.isForgotten ===
        true && slot.mayBeConnected;
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

  /**
   * A closed connection gives its slot back at once. The kernel may still deliver the last bytes, and reports the end later.
   *
   * @returns the cookies of those that are gone
   */
  #look(entries: readonly Entry[]): readonly bigint[] {
    const looks = this.#lookAt(entries, false);
    this.#see(looks);
    // It is not looked at again until its end is reported. No process holds its lock.
    const unheld = looks.filter(([look]) => look.kind === 'there' && look.inode === 0);
    this.#see(
      this.#lookAt(
        unheld.map(([, entry]) => entry),
        true,
      ),
    );
    return looks.flatMap(([look, [cookie]]) => (look.kind === 'gone' ? [cookie] : []));
  }

  #see(looks: readonly (readonly [SocketLook, Entry])[]): void {
    for (const [look, [cookie, slot]] of looks) {
      this.#sums.see(slot, look);
      // protects: G22 quota: what is over makes the looks at others no rarer
      this.#known.sort(cookie, slot, look);
    }
  }

  #lookAt(entries: readonly Entry[], accounts: boolean): readonly (readonly [SocketLook, Entry])[] {
    return lookAt(this.#ends, entries, accounts);
  }
}

// One slot of a register: claimed, then held by a connection, which the plugin gets or not.

/** The register, as its claims see it. */
type SlotOwner = Pick<ConnectionRegister, 'conclude' | 'hold' | 'settle' | 'discard'>;

class ClaimedSlot implements Claim {
  readonly granted = true;
  readonly #register: SlotOwner;
  readonly #slot: ConnectionSlot;
  #claimed = true;
  #cookie = 0n;
  decisionId: string | undefined;

  constructor(register: SlotOwner, slot: ConnectionSlot) {
    this.#register = register;
    this.#slot = slot;
  }

  hold(socket: OwnedFd, own: Endpoint, peer: Endpoint, description: ConnectionDescription): void {
    this.decisionId = description.decision_id;
    if (!this.#conclude()) return;
    this.#register.hold(this.#slot, socket, own, peer, description);
    this.#cookie = this.#slot.cookie;
  }

  settle(mayBeConnected: boolean): void {
    if (this.#cookie !== 0n) this.#register.settle(this.#slot, this.#cookie, mayBeConnected);
  }

  release(): void {
    if (this.#conclude()) this.#register.discard(this.#slot, 0n);
  }

  withdraw(): void {
    this.release();
    if (this.#cookie !== 0n) this.#register.discard(this.#slot, this.#cookie);
  }

  /** @returns whether this was the first time, and the register is open */
  #conclude(): boolean {
    if (!this.#claimed) return false;
    this.#claimed = false;
    return this.#register.conclude();
  }
}

// Finds the connections of one plugin that have ended without a report of the kernel, after it had to drop some.

class LostEnds {
  readonly #register: Pick<ConnectionRegister, 'lookForGone' | 'endLost'>;
  #looking: NodeJS.Immediate | undefined;
  /** How many are still to be looked at. */
  #left = 0;
  readonly #concluding = new Set<NodeJS.Timeout>();

  constructor(register: Pick<ConnectionRegister, 'lookForGone' | 'endLost'>) {
    this.#register = register;
  }

  /** Looks at all connections, some in each turn of the event loop. @param count how many there are */
  begin(count: number): void {
    // Reports that were lost during a look may be of those that it has seen.
    this.#left = count;
    const look = (): void => {
      this.#looking = undefined;
      const gone = this.#register.lookForGone();
      if (gone.length > 0) this.concludeLater(gone);
      this.#left -= LOOKED_AT_CONNECTIONS;
      if (this.#left > 0) this.#looking = setImmediate(look);
    };
    this.#looking ??= setImmediate(look);
  }

  close(): void {
    clearImmediate(this.#looking);
    for (const timer of this.#concluding) clearTimeout(timer);
  }

  /** The kernel reports an end some time after the socket is gone. */
  concludeLater(gone: readonly bigint[]): void {
    const timer = setTimeout(() => {
      this.#concluding.delete(timer);
      this.#register.endLost(gone);
    }, LATE_REPORT_MS).unref();
    this.#concluding.add(timer);
  }
}

// The connections of a register, by socket cookie: those that a process holds, those that are over, and those whose end the kernel has still to report.

class KnownConnections {
  /** The one with the oldest look comes first. */
  readonly #held = new Map<bigint, ConnectionSlot>();
  /** No process holds them any more. The kernel still delivers their last bytes, and then reports their end. */
  readonly #closing = new Map<bigint, ConnectionSlot>();
  /** The kernel knows no connection any more, and reports its end once no process holds the socket. */
  readonly #over = new Map<bigint, ConnectionSlot>();

  get held(): ReadonlyMap<bigint, ConnectionSlot> {
    return this.#held;
  }

  get over(): ReadonlyMap<bigint, ConnectionSlot> {
    return this.#over;
  }

  get size(): number {
    return this.#held.size + this.#closing.size;
  }

  get all(): readonly Entry[] {
    return [...this.#held, ...this.#closing, ...this.#over];
  }

  add(cookie: bigint, slot: ConnectionSlot): void {
    this.#held.set(cookie, slot);
  }

  find(cookie: bigint): ConnectionSlot | undefined {
    return this.#held.get(cookie) ?? this.#closing.get(cookie) ?? this.#over.get(cookie);
  }

  remove(cookie: bigint): void {
    this.#held.delete(cookie);
    this.#closing.delete(cookie);
    this.#over.delete(cookie);
  }

  /** Puts a connection last among those like it. */
  sort(cookie: bigint, slot: ConnectionSlot, look: SocketLook): void {
    this.remove(cookie);
    if (look.kind === 'gone') slot.overSince ??= monotonicMs();
    (look.kind === 'gone' ? this.#over : isHeld(look) ? this.#held : this.#closing).set(cookie, slot);
  }

  /** Those with the oldest looks, as many as one look may cover. Those that are held come first. */
  oldestLooks(): readonly Entry[] {
    const held = firstOf(this.#held, LOOKED_AT_CONNECTIONS);
    return [...held, ...firstOf(this.#closing, LOOKED_AT_CONNECTIONS - held.length)];
  }
}

// Gives the newest connections of a register in parts. Runs in the broker, which turns to other work between them.

/** See {@link newestConnections}. The event loop turns before each part, so what it has may have ended. */
async function* newestInParts(
  held: HeldConnections,
  most: number,
  atOnce: number,
  isOpen: () => boolean,
): AsyncGenerator<readonly Entry[], void> {
  const newest = await newestConnections(held, most, isOpen);
  for (let at = 0; at < newest.length; at += atOnce) {
    await nextTurn();
    yield newest.slice(at, at + atOnce);
  }
}

// Finds the newest connections of a register that may have tens of thousands. Runs in the broker, which turns to other work meanwhile.

/** The connections of a register, by their cookies. They change while they are read. */
interface HeldConnections extends Iterable<readonly [bigint, ConnectionSlot]> {
  readonly size: number;
}

interface Dated {
  readonly cookie: bigint;
  readonly slot: ConnectionSlot;
  readonly since: number;
}

/**
 * @param isOpen false: the memory of the register is unmapped, and no slot may be read any more
 * @returns so many, the newest first. Each was held when it was read
 */
export async function newestConnections(
  held: HeldConnections,
  most: number,
  isOpen: () => boolean,
): Promise<readonly (readonly [bigint, ConnectionSlot])[]> {
  let newest: Dated[] = [];
  let found: Dated[] = [];
  let oldest = Number.NEGATIVE_INFINITY;
  let visited = 0;
  for (const [cookie, slot] of held) {
    visited += 1;
    const { since } = slot;
    if (since >= oldest) found.push({ cookie, slot, since });
    if (visited % SORTED_CONNECTIONS !== 0) continue;
    [newest, found] = [merge(newest, found, most), []];
    oldest = newest.length < most ? oldest : (newest.at(-1)?.since ?? oldest);
    // protects: G8 list: the broker turns to other work while it looks for the newest of many connections
    await nextTurn();
    // One that was looked at meanwhile comes again, at the end.
    if (
      /* protects: G8 list: a register that is closed meanwhile is read no further */ !isOpen() ||
      visited >= 2 * CONNECTION_SLOTS
    )
      break;
  }
  return merge(newest, found, most).map(({ cookie, slot }) => [cookie, slot]);
}

function merge(newest: readonly Dated[], found: readonly Dated[], most: number): Dated[] {
  const all = new Map([...newest, ...found].map((one) => [one.cookie, one]));
  return [...all.values()].sort((a, b) => b.since - a.since).slice(0, most);
}
