// Encodes a request as one MessagePack map. Runs in the plugin's client library.
import { Packr } from 'msgpackr/index-no-eval';
import type { ChannelRequest } from './messages.js';

const packr = new Packr({ useRecords: false, variableMapSize: true });

/**
 * Encodes a request for one write(2) to the channel's pipe.
 *
 * @param request without keys whose value is undefined
 * @returns the bytes. An overlong host makes them longer than MAX_REQUEST_BYTES, which the broker would treat as
 *   a protocol error: check the length before you write
 */
export function encodeRequest(request: ChannelRequest): Uint8Array {
  return packr.pack(request);
}
