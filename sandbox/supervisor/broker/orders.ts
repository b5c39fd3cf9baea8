// What the broker may have the supervisor do for it: connect or name an AF_UNIX socket inside a sandbox, mark a socket, change a folder's mode,
// answer a caller. Runs in the supervisor. The broker may have been taken over: an order is checked as a plugin's call would be.
import type {
  CallerAnswerPacket,
  FolderModePacket,
  MarkSocketPacket,
  UnixConnectPacket,
} from '../../../shared/protocol/link.js';
import type { UnixTarget } from '../../../shared/sys/connect-inside.js';
import { type Message, receiveMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { FolderMode, Inode } from '../../../shared/sys/set-folder-mode.js';
import { AF_UNIX } from '../../../shared/sys/sockaddr.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';

// Receives the packets of a broker: AF_UNIX sockets of plugins, to be connected with the plugins' ids, sockets to be marked, modes of folders, and
// answers to callers.
// The broker may have been taken over: a packet of another form is dropped, and another thread closes its descriptors, since a
// close can wait.

/** Packets that are taken before other events get their turn. */
const AT_A_TIME = 16;
const PAUSE_MS = 20;

export interface UnixAsk {
  readonly session: number;
  readonly id: number;
  readonly target: UnixTarget;
}

/** What takes the packets. */
interface AskTakers {
  /** Whether nothing may be received now: each packet would take further descriptors. */
  readonly isFull: () => boolean;
  /** Takes over the socket; undefined: this process had no descriptor left for it. */
  readonly ask: (ask: UnixAsk, socket: OwnedFd | undefined) => void;
  /** Takes over the socket; undefined as in `ask`. */
  readonly mark: (ask: MarkAsk, socket: OwnedFd | undefined) => void;
  readonly setMode: (ask: ModeAsk) => void;
  readonly answer: (ask: AnswerAsk) => void;
  /** Takes over descriptors of malformed packets. */
  readonly discard: (descriptors: readonly OwnedFd[]) => void;
}

/**
 * @returns what ends the watch, before the socket is closed
 */
export function receiveUnixAsks(packets: OwnedFd, take: AskTakers): () => void {
  const watch = new Watch(packets.number, () => {
    for (let left = AT_A_TIME; left > 0; left -= 1) {
      if (take.isFull()) {
        watch.want(0);
        setTimeout(() => watch.want(READABLE), PAUSE_MS).unref();
        return;
      }
      const message = receiveMessage(packets.number);
      if (typeof message === 'number') return;
      const { payload, descriptors, truncated } = message;
      if (payload.length === 0 && descriptors.length === 0 && !truncated) {
        // The broker has closed its end, or sends empty packets: nothing more is read.
        watch.want(0);
        return;
      }
      takeAsk(message, take);
    }
  });
  watch.want(READABLE);
  return () => watch.close();
}

function takeAsk({ payload, descriptors, truncated }: Message, take: AskTakers): void {
  if (descriptors.length === 0 && !truncated) {
    const mode = readModeAsk(payload);
    const answer = mode === undefined ? readAnswerAsk(payload) : undefined;
    if (mode !== undefined) take.setMode(mode);
    else if (answer !== undefined) take.answer(answer);
    if (mode !== undefined || answer !== undefined) return;
  }
  const [socket, ...more] = descriptors;
  const isWhole = socket !== undefined && more.length === 0 && !truncated;
  const ask = readUnixAsk(payload);
  const mark = ask === undefined ? readMarkAsk(payload) : undefined;
  const isKnown = ask !== undefined || mark !== undefined;
  if (!isKnown || !isWhole) take.discard(descriptors);
  if (!isKnown || !(isWhole || truncated)) return;
  const taken = isWhole ? socket : undefined;
  if (ask !== undefined) take.ask(ask, taken);
  if (mark !== undefined) take.mark(mark, taken);
}

/** @returns undefined for a packet that no broker of postern sends */
export function readUnixAsk(payload: Uint8Array): UnixAsk | undefined {
  return readAsk<UnixConnectPacket, UnixAsk>(payload, 'unix_connect', ({ session, id, target }) => {
    if (typeof session !== 'number' || typeof id !== 'number') return undefined;
    if (target?.kind === 'path') {
      const path = Buffer.from(String(target.path), 'base64');
      if (path[0] !== '/'.charCodeAt(0) || path.includes(0)) return undefined;
      const self = typeof target.self === 'number' ? target.self : undefined;
      return { session, id, target: { kind: 'path', path, self } };
    }
    if (target?.kind === 'listen')
      return Number.isInteger(target.backlog)
        ? { session, id, target: { kind: 'listen', backlog: target.backlog } }
        : undefined;
    if (target?.kind !== 'abstract') return undefined;
    const address = Buffer.from(String(target.address), 'base64');
    const isAbstract = address.length > 2 && address[0] === AF_UNIX && address[1] === 0 && address[2] === 0;
    return isAbstract ? { session, id, target: { kind: 'abstract', address } } : undefined;
  });
}

// Reads a broker's packet with the answer to a caller. Pure. The broker may have been taken over.

/** A struct ifreq has 40 bytes. */
const MOST_BYTES = 1024;

/** An answer to write into the memory of a caller. */
export interface AnswerAsk {
  readonly session: number;
  readonly id: number;
  readonly tid: number;
  readonly bytes: Uint8Array;
}

/** @returns undefined for any other packet */
export function readAnswerAsk(payload: Uint8Array): AnswerAsk | undefined {
  return readAsk<CallerAnswerPacket, AnswerAsk>(payload, 'caller_answer', ({ session, id, tid, answer }) => {
    if (typeof session !== 'number' || typeof id !== 'number') return undefined;
    if (typeof tid !== 'number' || !Number.isInteger(tid) || tid <= 0) return undefined;
    const bytes = Buffer.from(String(answer), 'base64');
    return bytes.length <= MOST_BYTES ? { session, id, tid, bytes } : undefined;
  });
}

// Reads a broker's packet that asks for the mark of a socket. Pure. The broker may have been taken over.

export interface MarkAsk {
  readonly plugin: string;
  readonly id: number;
  readonly mark: number;
}

/** @returns undefined for a packet that no broker of postern sends */
export function readMarkAsk(payload: Uint8Array): MarkAsk | undefined {
  return readAsk<MarkSocketPacket, MarkAsk>(payload, 'mark_socket', ({ plugin, id, mark }) =>
    typeof plugin === 'string' && typeof id === 'number' && typeof mark === 'number'
      ? { plugin, id, mark }
      : undefined,
  );
}

// Reads a broker's packet that asks for the mode of a folder. Pure. The broker may have been taken over.

/** What a folder may have: all but S_ISUID. */
const MODES = 0o3777;
const NUMBER = /^\d{1,20}$/;
const SLASH = 0x2f;

export interface ModeAsk {
  readonly session: number;
  readonly id: number;
  readonly change: FolderMode;
}

/** @returns undefined for a packet that no broker of postern sends */
export function readModeAsk(payload: Uint8Array): ModeAsk | undefined {
  return readAsk<FolderModePacket, ModeAsk>(payload, 'folder_mode', (packet) => {
    const { session, id, mode } = packet;
    if (typeof session !== 'number' || typeof id !== 'number') return undefined;
    if (
      typeof mode !== 'number' ||
      !Number.isInteger(mode) ||
      mode < 0 ||
      mode >
        /* protects: G14 folder modes: a broker that was taken over gets no set-uid bit from the supervisor => 0o7777 */ MODES
    )
      return undefined;
    const path = Buffer.from(String(packet.path), 'base64');
    if (path[0] !== SLASH || path.includes(0)) return undefined;
    const inode = packet.inode === undefined ? undefined : readInode(packet.inode, path.length);
    if (inode === null) return undefined;
    const self = typeof packet.self === 'number' ? packet.self : undefined;
    return { session, id, change: { path, self, keepsLink: packet.keepsLink === true, inode, mode } };
  });
}

/** @returns null for what is no inode on the path */
function readInode(
  { dev, ino, length }: NonNullable<FolderModePacket['inode']>,
  pathLength: number,
): Inode | null {
  if (!Number.isInteger(length) || length < 1 || length > pathLength) return null;
  return NUMBER.test(dev) && NUMBER.test(ino) ? { dev: BigInt(dev), ino: BigInt(ino), length } : null;
}

// Reads a broker's packet that asks the supervisor for something: JSON with a type. Pure. The broker may have been taken over.

/**
 * @param payload of any length
 * @param read takes the fields, of which none is checked yet. It returns undefined, or throws, for what is no such packet
 * @returns undefined for a packet that no broker of postern sends, and for one of another type
 */
function readAsk<Packet extends { readonly type: string }, Ask>(
  payload: Uint8Array,
  type: Packet['type'],
  read: (fields: Partial<Packet>) => Ask | undefined,
): Ask | undefined {
  try {
    const fields = JSON.parse(Buffer.from(payload).toString('utf8')) as Partial<Packet> | null;
    return fields?.type === type ? read(fields) : undefined;
  } catch {
    return undefined;
  }
}
