// Receives the packets of a broker: AF_UNIX sockets of plugins, to be connected with the plugins' ids, sockets to be marked, modes of folders, and
// answers to callers.
// Runs in the supervisor. The broker may have been taken over: a packet of another form is dropped, and another thread closes its descriptors, since a
// close can wait.
import type { UnixConnectPacket } from '../../../shared/protocol/link.js';
import type { UnixTarget } from '../../../shared/sys/connect-inside.js';
import { type Message, receiveMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { AF_UNIX } from '../../../shared/sys/sockaddr.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';
import { type AnswerAsk, readAnswerAsk } from './answer-asks.js';
import { type MarkAsk, readMarkAsk } from './mark-asks.js';
import { type ModeAsk, readModeAsk } from './mode-asks.js';
import { readAsk } from './read-ask.js';

/** Packets that are taken before other events get their turn. */
const AT_A_TIME = 16;
const PAUSE_MS = 20;

export interface UnixAsk {
  readonly session: number;
  readonly id: number;
  readonly target: UnixTarget;
}

/** What takes the packets. */
export interface AskTakers {
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
