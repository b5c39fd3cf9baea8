// Reads a broker's packet with the answer to a caller. Pure. The broker may have been taken over.
import type { CallerAnswerPacket } from '../../../shared/protocol/link.js';

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
  try {
    const packet = JSON.parse(Buffer.from(payload).toString('utf8')) as Partial<CallerAnswerPacket> | null;
    const { type, session, id, tid, answer } = packet ?? {};
    if (type !== 'caller_answer' || typeof session !== 'number' || typeof id !== 'number') return undefined;
    if (typeof tid !== 'number' || !Number.isInteger(tid) || tid <= 0) return undefined;
    const bytes = Buffer.from(String(answer), 'base64');
    return bytes.length <= MOST_BYTES ? { session, id, tid, bytes } : undefined;
  } catch {
    return undefined;
  }
}
