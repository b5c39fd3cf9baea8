// Reads a broker's packet with the answer to a caller. Pure. The broker may have been taken over.
import type { CallerAnswerPacket } from '../../../shared/protocol/link.js';
import { readAsk } from './read-ask.js';

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
