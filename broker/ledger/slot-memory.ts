// The memory in which a plugin's open connections are noted, one slot each. The supervisor keeps it, so the next broker finds them there.
// Runs in the broker. The kernel gives pages only to the slots that were used.
//
// A former broker may have been taken over, and can have written anything. So each number is checked whenever it is read, and what could not be is 0. A
// slot that cannot be one is cleared at the start. This broker's memory is a copy: who has the former one changes nothing here.
import { CONNECTION_SLOT_BYTES, CONNECTION_SLOTS, CONNECTIONS_MEMORY_BYTES } from '../../shared/limits.js';
import { MappedMemory } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { cookieOf, SOCKET_ID_BYTES, type SocketLook } from '../../shared/sys/socket-diag.js';
import type { EndCause } from '../../shared/words.js';

/** V8 counts each view of the memory, so a view of all of it would make it collect garbage for nothing. */
const SLOTS_AT_A_TIME = 64;
const BLOCK_BYTES = SLOTS_AT_A_TIME * CONNECTION_SLOT_BYTES;
/**
 * Of a slot: the id of the socket, when the plugin got it, the bytes when it was last looked at, what the metrics have counted, the inode by which
 * processes hold it, the length of the description, whether its event leaves open that it was connected, and the description.
 */
const SINCE = SOCKET_ID_BYTES;
const SENT = SINCE + 8;
const RECEIVED = SENT + 8;
const COUNTED = RECEIVED + 8;
const HOLDERS_INODE = COUNTED + 3 * 8;
const LENGTH = HOLDERS_INODE + 8;
const CONNECTED = LENGTH + 4;
const TEXT = CONNECTED + 4;
const MOST_TEXT_BYTES = CONNECTION_SLOT_BYTES - TEXT;

/** In the memory's first slot: the bytes of the connections that have ended. Before them is how many blocks have been used. */
const ENDED_BYTES = 8;

/** One slot. Its memory is its owner's until it is freed. */
export class ConnectionSlot {
  readonly id: Uint8Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** See NotedConnection. This broker alone knows it. */
  isUnderWay = false;
  /** When a look found that it is over, and a process may still hold it. This broker alone knows it. */
  overSince: number | undefined;
  /** Why postern has ended the plugin that held it. This broker alone knows it. */
  cause: EndCause | undefined;

  /** @param bytes CONNECTION_SLOT_BYTES */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.id = bytes.subarray(0, SOCKET_ID_BYTES);
  }

  /** 0: the slot is free. */
  get cookie(): bigint {
    return cookieOf(this.id);
  }

  /** When the plugin got the connection, in milliseconds of the host's monotonic clock. */
  get since(): number {
    return this.#numberAt(SINCE);
  }

  set since(milliseconds: number) {
    this.#view.setFloat64(SINCE, milliseconds, true);
  }

  /** What counts of it for the limits of its plugin, as of the last look. The next broker goes by it. */
  get seen(): Carried {
    return {
      sentBytes: this.#numberAt(SENT),
      receivedBytes: this.#numberAt(RECEIVED),
    };
  }

  set seen({ sentBytes, receivedBytes }: Carried) {
    this.#view.setFloat64(SENT, sentBytes, true);
    this.#view.setFloat64(RECEIVED, receivedBytes, true);
  }

  /** What the metrics have counted of it. The next broker counts on from there. */
  get counted(): Counted {
    return {
      sentBytes: this.#numberAt(COUNTED),
      receivedBytes: this.#numberAt(COUNTED + 8),
      retransmits: this.#numberAt(COUNTED + 16),
    };
  }

  set counted({ sentBytes, receivedBytes, retransmits }: Counted) {
    this.#view.setFloat64(COUNTED, sentBytes, true);
    this.#view.setFloat64(COUNTED + 8, receivedBytes, true);
    this.#view.setFloat64(COUNTED + 16, retransmits, true);
  }

  /** Of the socket. The kernel tells it no more once the connection is over. */
  get inode(): number {
    return this.#numberAt(HOLDERS_INODE);
  }

  set inode(inode: number) {
    this.#view.setFloat64(HOLDERS_INODE, inode, true);
  }

  /** @param now of the host's monotonic clock */
  isSound(now: number): boolean {
    return (
      [SINCE, SENT, RECEIVED].every((at) => isSound(this.#view.getFloat64(at, true))) && this.since <= now
    );
  }

  #numberAt(at: number): number {
    return soundOr0(this.#view.getFloat64(at, true));
  }

  /** Whether its event says that it was connected, or may still be. */
  get mayBeConnected(): boolean {
    return this.#view.getUint8(CONNECTED) === 1;
  }

  set mayBeConnected(value: boolean) {
    this.#view.setUint8(CONNECTED, value ? 1 : 0);
  }

  /** What describes the connection, as JSON; empty where that was too long. */
  get text(): string {
    const length = Math.min(this.#view.getUint32(LENGTH, true), MOST_TEXT_BYTES);
    return Buffer.from(this.#bytes.subarray(TEXT, TEXT + length)).toString('utf8');
  }

  /** @returns whether there is room for it */
  write(text: string): boolean {
    const bytes = Buffer.from(text);
    if (bytes.length > MOST_TEXT_BYTES) return false;
    this.#bytes.set(bytes, TEXT);
    this.#view.setUint32(LENGTH, bytes.length, true);
    return true;
  }

  clear(): void {
    this.#bytes.fill(0, 0, TEXT);
    this.isUnderWay = false;
    this.overSince = undefined;
    this.cause = undefined;
  }
}

/** No count of bytes and no time of the host is longer. */
function isSound(value: number): boolean {
  return value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

function soundOr0(value: number | undefined = 0): number {
  return /* protects: G8 accounts: a number that another process wrote is checked => value */ isSound(value)
    ? value
    : 0;
}

export class SlotMemory {
  readonly #memory: MappedMemory;
  /** The first number of the memory: how many blocks have been used. */
  readonly #head: Uint32Array;
  readonly #ended: Float64Array;
  readonly #free: ConnectionSlot[] = [];
  readonly #taken: ConnectionSlot[] = [];
  /** Of those that a former broker has filled. The kernel gives no cookie twice. */
  readonly #cookies = new Set<bigint>();
  #blocks = 0;

  /** @param memory CONNECTIONS_MEMORY_BYTES, as a former broker left them; it need not stay open */
  constructor(memory: OwnedFd) {
    this.#memory = new MappedMemory(memory.number, CONNECTIONS_MEMORY_BYTES);
    const head = this.#memory.part(0, CONNECTION_SLOT_BYTES);
    this.#head = new Uint32Array(head.buffer, head.byteOffset, 1);
    this.#ended =
      /* protects: G22 quota: the sums outlive the broker => new Float64Array(2) */ new Float64Array(
        head.buffer,
        head.byteOffset + ENDED_BYTES,
        2,
      );
    const used = Math.min(this.#head[0] ?? 0, CONNECTION_SLOTS / SLOTS_AT_A_TIME);
    while (
      /* protects: G22 accounts: the next broker finds the connections of the one before => $& && false */ this
        .#blocks < used
    )
      this.#addBlock(true);
  }

  /** Bytes that connections have sent and received that have ended. */
  get ended(): Carried {
    const [sentBytes, receivedBytes] = this.#ended;
    return { sentBytes: soundOr0(sentBytes), receivedBytes: soundOr0(receivedBytes) };
  }

  set ended({ sentBytes, receivedBytes }: Carried) {
    this.#ended[0] = sentBytes;
    this.#ended[1] = receivedBytes;
  }

  /** Those that a former broker has filled. */
  get taken(): readonly ConnectionSlot[] {
    return this.#taken;
  }

  /** @returns undefined if all are taken */
  take(): ConnectionSlot | undefined {
    if (this.#free.length === 0 && this.#blocks < CONNECTION_SLOTS / SLOTS_AT_A_TIME) {
      this.#addBlock(false);
      this.#head[0] = this.#blocks;
    }
    return this.#free.pop();
  }

  free(slot: ConnectionSlot): void {
    slot.clear();
    this.#free.push(slot);
  }

  /** No slot may be used any more. */
  close(): void {
    this.#memory.close();
  }

  /** @param isUsed whether a former broker has used it */
  #addBlock(isUsed: boolean): void {
    const block = this.#memory.part(CONNECTION_SLOT_BYTES + this.#blocks * BLOCK_BYTES, BLOCK_BYTES);
    this.#blocks += 1;
    const now = monotonicMs();
    for (let at = BLOCK_BYTES - CONNECTION_SLOT_BYTES; at >= 0; at -= CONNECTION_SLOT_BYTES) {
      const slot = new ConnectionSlot(block.subarray(at, at + CONNECTION_SLOT_BYTES));
      const { cookie } = slot;
      if (
        isUsed &&
        cookie !== 0n &&
        /* protects: G8 accounts: a slot that cannot be a connection is cleared => true */ !this.#cookies.has(
          cookie,
        ) &&
        slot.isSound(now)
      ) {
        this.#cookies.add(cookie);
        this.#taken.push(slot);
      } else if (cookie === 0n) this.#free.push(slot);
      else this.free(slot);
    }
  }
}

// What a connection has carried so far, as the limits sent_mib and received_mib count it.

/** What connections have carried. */
export interface Carried {
  /** Payload that the program has written. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** The same as the metrics count it: of what was sent, only what the peer has acknowledged. */
export interface Counted extends Carried {
  readonly retransmits: number;
}

/**
 * Nothing ends a closed socket, and the kernel still sends what the program has written. A program can close many at once. So all that it has written
 * counts, on open sockets too.
 *
 * @param look with the account
 * @returns undefined if the kernel did not say
 */
export function carriedOf(look: SocketLook): Carried | undefined {
  if (look.kind !== 'there' || look.account === undefined) return undefined;
  const { writtenBytes, receivedBytes } = look.account;
  return { sentBytes: writtenBytes, receivedBytes };
}

// The host's monotonic clock, clock_gettime(2) CLOCK_MONOTONIC: no setting of the time changes it, and each broker reads the same.

/** In milliseconds. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
