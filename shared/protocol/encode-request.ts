// A request as one MessagePack map. Runs in the plugin's client library.
import { Packr } from 'msgpackr/index-no-eval';
import type { ChannelRequest } from './messages.js';

const packr = new Packr({ useRecords: false, variableMapSize: true });

/**
 * Encodes a request for one write(2) to the channel's pipe.
 *
 * @param request what to ask; a key whose value is undefined must be absent
 * @returns the bytes, valid until they are written; longer than MAX_REQUEST_BYTES for an overlong host, which the broker
 *   would take as a protocol error: check before writing
 */
export function encodeRequest(request: ChannelRequest): Uint8Array {
  return packr.pack(request);
}
