// Reads a broker's packet that asks for the mark of a socket. Pure. The broker may have been taken over.
import type { MarkSocketPacket } from '../../../shared/protocol/link.js';

export interface MarkAsk {
  readonly plugin: string;
  readonly id: number;
  readonly mark: number;
}

/** @returns undefined for a packet that no broker of postern sends */
export function readMarkAsk(payload: Uint8Array): MarkAsk | undefined {
  try {
    const packet = JSON.parse(Buffer.from(payload).toString('utf8')) as Partial<MarkSocketPacket> | null;
    const { type, plugin, id, mark } = packet ?? {};
    if (type !== 'mark_socket' || typeof plugin !== 'string' || typeof id !== 'number') return undefined;
    return typeof mark === 'number' ? { plugin, id, mark } : undefined;
  } catch {
    return undefined;
  }
}
