// The connections of one plugin to UNIX sockets of the host, so that they end when their rule is withdrawn. Runs in the broker. The kernel does
// not report the end of such a socket. So each new connection looks at two old ones, and those that have ended give their places back.

import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { type SocketLook, writeUnixSocketId } from '../../shared/sys/socket-diag.js';
import type { EndCause } from '../../shared/words.js';
import {
  type Claim,
  type ConnectionDescription,
  type ConnectionEvents,
  firstOf,
  type HostSocketSlots,
  type NotedConnection,
  readDescription,
  writeDescription,
} from './connection-slots.js';
import { type ConnectionSlot, monotonicMs, type SlotMemory } from './slot-memory.js';
import type { SocketEnds } from './socket-ends.js';

const LOOKED_AT = 2;
const NO_PEER = { bytes: new Uint8Array(0), port: 0 };

export class HostSockets implements HostSocketSlots {
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
    // protects: G8 accounts: ended connections to UNIX sockets give their places back
    this.#lookAtOld();
    const slot = this.#slots.take();
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

  noted(): readonly NotedConnection[] {
    return [...this.#held].map(([cookie, slot]) => ({
      cookie,
      since: slot.since,
      description: readDescription(slot),
      peer: NO_PEER,
      isUnderWay: false,
    }));
  }

  look(connections: readonly NotedConnection[]): readonly SocketLook[] {
    return connections.map(({ cookie }): SocketLook => {
      const slot = this.#find(cookie);
      if (slot === undefined) return { kind: 'gone' };
      const look = this.#lookAt(slot);
      if (look.kind === 'gone') this.#remove(cookie, slot);
      return look;
    });
  }

  ended({ cookie }: NotedConnection, _account: undefined, cause: EndCause): void {
    const slot = this.#find(cookie);
    if (slot === undefined) return;
    const durationMs = Math.max(0, monotonicMs() - slot.since);
    const description = readDescription(slot);
    this.#events.owe();
    this.#remove(cookie, slot);
    this.#events.ended({ durationMs, description, account: undefined, cause });
  }

  /** The memory goes away. */
  close(): void {
    this.#open = false;
    this.#held.clear();
  }

  #lookAtOld(): void {
    for (const [cookie, slot] of firstOf(this.#held, LOOKED_AT)) {
      if (this.#lookAt(slot).kind === 'gone') {
        this.#remove(cookie, slot);
        continue;
      }
      this.#held.delete(cookie);
      this.#held.set(cookie, slot);
    }
  }

  #lookAt({ id }: ConnectionSlot): SocketLook {
    return this.#ends.look([id], false)[0] ?? { kind: 'unknown' };
  }

  #find(cookie: bigint): ConnectionSlot | undefined {
    return this.#held.get(cookie);
  }

  #remove(cookie: bigint, slot: ConnectionSlot): void {
    this.#held.delete(cookie);
    this.#slots.free(slot);
  }
}
