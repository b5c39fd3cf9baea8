// What the connections of one plugin have carried: all since postern started, for its limits, and what is new since the last look, for the metrics. What
// was seen lies in the memory that the supervisor keeps, so neither another broker nor another start of the plugin begins anew. Runs in the broker.
import type { Limits } from '../../shared/config/limit-forms.js';
import type { SocketLook } from '../../shared/sys/socket-diag.js';
import type { TcpAccount } from '../../shared/sys/socket-state.js';
import {
  type Carried,
  type ConnectionSlot,
  type Counted,
  carriedOf,
  type SlotMemory,
} from './slot-memory.js';

export class ByteSums {
  readonly #slots: Pick<SlotMemory, 'ended'>;
  readonly #count: (more: Counted) => void;
  readonly #seen = { sentBytes: 0, receivedBytes: 0 };

  /**
   * @param slots those that a former broker has filled are open, and count as it saw them last
   * @param count takes what a connection has carried since it was last counted
   */
  constructor(slots: Pick<SlotMemory, 'ended' | 'taken'>, count: (more: Counted) => void) {
    this.#slots = slots;
    this.#count = count;
    for (const { seen } of slots.taken) add(this.#seen, seen, 1);
  }

  /** Of all, with those that have ended. */
  get total(): Carried {
    const total = { ...this.#slots.ended };
    add(total, this.#seen, 1);
    return total;
  }

  /** A connection was looked at. */
  see(slot: ConnectionSlot, look: SocketLook): void {
    const carried = carriedOf(look);
    if (carried === undefined || look.kind !== 'there' || look.account === undefined) return;
    this.forget(slot);
    slot.seen = most(slot.seen, carried);
    add(this.#seen, slot.seen, 1);
    this.#countMore(slot, look.account);
  }

  /** A connection has ended: its bytes stay. @param account missing: it counts as it was seen last */
  end(slot: ConnectionSlot, account: TcpAccount | undefined): void {
    const { seen } = slot;
    const { writtenBytes = 0, receivedBytes = 0 } = account ?? {};
    const carried = most(seen, { sentBytes: writtenBytes, receivedBytes });
    const sum = { ...this.#slots.ended };
    add(sum, carried, 1);
    this.#slots.ended = sum;
    if (account !== undefined) this.#countMore(slot, account);
  }

  /** A slot is freed. */
  forget(slot: ConnectionSlot): void {
    add(this.#seen, slot.seen, -1);
  }

  #countMore(slot: ConnectionSlot, account: TcpAccount): void {
    const { counted } = slot;
    // protects: G8 metrics: what was counted of a connection never counts again, and is never taken back => const now = account;
    const now = {
      sentBytes: Math.max(counted.sentBytes, account.sentBytes),
      receivedBytes: Math.max(counted.receivedBytes, account.receivedBytes),
      retransmits: Math.max(counted.retransmits, account.retransmits),
    };
    slot.counted = now;
    this.#count({
      sentBytes: now.sentBytes - counted.sentBytes,
      receivedBytes: now.receivedBytes - counted.receivedBytes,
      retransmits: now.retransmits - counted.retransmits,
    });
  }
}

/** A sum never falls. The kernel forgets what a connection has carried that it dissolves, and drops what a closed one had still to send. */
function most(seen: Carried, now: Carried): Carried {
  // protects: G22 quota: a sum never falls => return now;
  return {
    sentBytes: Math.max(seen.sentBytes, now.sentBytes),
    receivedBytes: Math.max(seen.receivedBytes, now.receivedBytes),
  };
}

function add(
  sums: { sentBytes: number; receivedBytes: number },
  { sentBytes, receivedBytes }: Carried,
  sign: 1 | -1,
): void {
  sums.sentBytes += sign * sentBytes;
  sums.receivedBytes += sign * receivedBytes;
}

// Which of sent_mib and received_mib a plugin has used up. Pure.

export const MIB: number = 1_048_576;

export const QUOTAS = [
  { limit: 'sentMib', carried: 'sentBytes', key: 'sent_mib', word: 'sent' },
  { limit: 'receivedMib', carried: 'receivedBytes', key: 'received_mib', word: 'received' },
] as const;

type QuotaLimits = Pick<Limits, (typeof QUOTAS)[number]['limit']>;

export interface SpentQuota {
  /** Its key in the file. */
  readonly key: (typeof QUOTAS)[number]['key'];
  /** Its word in the metrics. */
  readonly word: (typeof QUOTAS)[number]['word'];
  readonly mib: number;
  /** It is not known, since the bytes of a connection are not. */
  readonly isUncounted: boolean;
}

export function hasQuota(limits: QuotaLimits): boolean {
  return QUOTAS.some(({ limit }) => limits[limit] !== undefined);
}

/** @param isUncounted whether more may have been carried than is known @returns undefined while neither is used up */
export function spentQuota(
  limits: QuotaLimits,
  carried: Carried,
  isUncounted: boolean = false,
): SpentQuota | undefined {
  for (const { limit, carried: bytes, key, word } of QUOTAS) {
    const mib = limits[limit];
    if (mib === undefined) continue;
    // A sum that is no number counts as used up.
    if (!(carried[bytes] < mib * MIB)) return { key, word, mib, isUncounted: false };
    if (isUncounted) return { key, word, mib, isUncounted };
  }
  return undefined;
}

/** How many bytes may at least be carried before one is used up. Infinite without a limit. */
export function leftOfQuota(limits: QuotaLimits, carried: Carried): number {
  return Math.min(
    ...QUOTAS.map(
      ({ limit, carried: bytes }) => (limits[limit] ?? Number.POSITIVE_INFINITY) * MIB - carried[bytes],
    ),
  );
}
