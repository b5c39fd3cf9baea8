// The connections of one plugin to UNIX sockets of the host, so that they end when their rule is withdrawn. Runs in the broker. The kernel does
// not report the end of such a socket. So each new connection looks at some old ones, and those that have ended give their slots back. For
// each look the kernel goes through all UNIX sockets of the host, those of other plugins too. So a plugin may have HOST_SOCKETS.
import { HOST_SOCKETS } from '../../shared/limits.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { type SocketLook, writeUnixSocketId } from '../../shared/sys/socket-diag.js';
import type { EndCause } from '../../shared/words.js';
import {
  type Claim,
  type ConnectionDescription,
  type ConnectionEvents,
  type Entry,
  entryOf,
  firstOf,
  type HostRegister,
  lookAt,
  type NotedConnection,
  noteCause,
  readDescription,
  writeDescription,
} from './register.js';
import { type ConnectionSlot, monotonicMs, type SlotMemory } from './slot-memory.js';
import type { SocketEnds } from './socket-ends.js';

/** Old connections that a new one looks at; and where no slot is free. */
const LOOKED_AT = 2;
const LOOKED_AT_IN_NEED = 32;
const NO_PEER = { bytes: new Uint8Array(0), port: 0 };

export class HostSocketRegister implements HostRegister {
  readonly #slots: SlotMemory;
  readonly #ends: Pick<SocketEnds, 'look' | 'knowsUnix'>;
  readonly #events: Pick<ConnectionEvents, 'owe' | 'ended'>;
  /** The one with the oldest look comes first. */
  readonly #held = new Map<bigint, ConnectionSlot>();
  #open = true;

  /** @param taken slots that a former broker has filled */
  constructor(
    slots: SlotMemory,
    taken: readonly ConnectionSlot[],
    ends: Pick<SocketEnds, 'look' | 'knowsUnix'>,
    events: Pick<ConnectionEvents, 'owe' | 'ended'>,
  ) {
    this.#slots = slots;
    this.#ends = ends;
    this.#events = events;
    for (const slot of taken) this.#held.set(slot.cookie, slot);
  }

  hold(socket: OwnedFd, description: ConnectionDescription): Claim | 'full' | undefined {
    if (!this.#open || !this.#ends.knowsUnix) return undefined;
    // protects: G8 accounts: ended connections to UNIX sockets give their slots back
    this.#lookAtOld();
    const slot =
      /* protects: G8 a plugin has so many connections to UNIX sockets => (HOST_SOCKETS, false) */ this.#held
        .size >= HOST_SOCKETS
        ? undefined
        : this.#slots.take();
    if (slot === undefined) return 'full';
    slot.since = monotonicMs();
    writeDescription(slot, description);
    const cookie = writeUnixSocketId(socket.number, slot.id);
    this.#held.set(cookie, slot);
    const withdraw = (): void => {
      if (this.#find(cookie) === slot) this.#remove(cookie, slot);
    };
    return {
      granted: true,
      decisionId: description.decision_id,
      hold: () => {},
      settle: () => {},
      release: () => {},
      withdraw,
    };
  }

  get cookies(): readonly bigint[] {
    return [...this.#held.keys()];
  }

  noted(cookies: readonly bigint[] = this.cookies): readonly NotedConnection[] {
    return this.#entriesOf(cookies).map(([cookie, slot]) => ({
      cookie,
      since: slot.since,
      description: readDescription(slot),
      peer: NO_PEER,
      isUnderWay: false,
    }));
  }

  look(connections: readonly NotedConnection[]): readonly SocketLook[] {
    const found = this.#entriesOf(connections.map(({ cookie }) => cookie));
    const looks = new Map(this.#lookAt(found).map(([look, [cookie]]) => [cookie, look]));
    return connections.map(({ cookie }) => looks.get(cookie) ?? { kind: 'gone' });
  }

  ended({ cookie }: NotedConnection, _account: undefined, cause: EndCause | undefined): void {
    const slot = this.#find(cookie);
    if (slot !== undefined) this.#end(cookie, slot, cause);
  }

  endWithPlugin(connections: readonly NotedConnection[], cause: EndCause): void {
    noteCause(this.#entriesOf(connections.map(({ cookie }) => cookie)), cause);
  }

  #end(cookie: bigint, slot: ConnectionSlot, cause: EndCause | undefined): void {
    const durationMs = Math.max(0, monotonicMs() - slot.since);
    const description = readDescription(slot);
    this.#events.owe();
    this.#remove(cookie, slot);
    this.#events.ended({ durationMs, description, account: undefined, cause });
  }

  /** Reports those that have ended with their plugin. */
  reportLast(): void {
    this.#lookAt([...this.#held].filter(([, { cause }]) => cause !== undefined));
  }

  /** The memory goes away. */
  close(): void {
    this.#open = false;
    this.#held.clear();
  }

  #lookAtOld(): void {
    const count = this.#held.size < HOST_SOCKETS ? LOOKED_AT : LOOKED_AT_IN_NEED;
    for (const [look, [cookie, slot]] of this.#lookAt(firstOf(this.#held, count))) {
      if (look.kind === 'gone') continue;
      this.#held.delete(cookie);
      this.#held.set(cookie, slot);
    }
  }

  /** Those that are gone give their slots back. */
  #lookAt(entries: readonly Entry[]): readonly (readonly [SocketLook, Entry])[] {
    const looks = lookAt(this.#ends, entries, false);
    for (const [look, [cookie, slot]] of looks) {
      if (look.kind !== 'gone') continue;
      // protects: G7 accounts: a connection to a UNIX socket that ends with its plugin has its event => this.#remove(cookie, slot);
      if (slot.cause === undefined) this.#remove(cookie, slot);
      else this.#end(cookie, slot, slot.cause);
    }
    return looks;
  }

  #entriesOf(cookies: readonly bigint[]): readonly Entry[] {
    return cookies.flatMap((cookie) => entryOf(cookie, this.#held.get(cookie)));
  }

  #find(cookie: bigint): ConnectionSlot | undefined {
    return this.#held.get(cookie);
  }

  #remove(cookie: bigint, slot: ConnectionSlot): void {
    this.#held.delete(cookie);
    this.#slots.free(slot);
  }
}
