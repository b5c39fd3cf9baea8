// Reads a broker's packet that asks for the mark of a socket. Pure. The broker may have been taken over.
import type { MarkSocketPacket } from '../../../shared/protocol/link.js';
import { readAsk } from './read-ask.js';

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
