// Encodes a reply as one MessagePack map of at most MAX_REPLY_BYTES. Runs in the broker.
import { Packr } from 'msgpackr/index-no-eval';
import { MAX_REPLY_BYTES } from '../limits.js';
import type { ChannelReply } from './messages.js';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const MAX_TEXT_CHARACTERS = 2048;

/** Encodes a reply for one packet. It cuts overlong texts of a failure. */
export function encodeReply(reply: ChannelReply): Uint8Array {
  const bytes = packr.pack(reply);
  if (bytes.length <= MAX_REPLY_BYTES || !('errno' in reply)) return bytes;
  const { suggestion, message, ...rest } = reply;
  return packr.pack({ ...rest, message: message.slice(0, MAX_TEXT_CHARACTERS) });
}
