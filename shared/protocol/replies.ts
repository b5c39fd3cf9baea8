// The broker's replies as frames: written by the broker, and read by the library.

import { Packr, Unpackr } from 'msgpackr/index-no-eval';
import { MAX_REPLY_BYTES } from '../limits.js';
import type { ChannelReply } from './messages.js';

// Reads a reply of the broker. Runs in the plugin's client library, which checks the form although it trusts the broker.

const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

/**
 * Decodes one packet of the reply socket.
 *
 * @returns the reply, or undefined if the bytes are none. The caller then ends the channel
 */
export function decodeReply(bytes: Uint8Array): ChannelReply | undefined {
  let value: unknown;
  try {
    value = unpackr.unpack(bytes);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('id' in value || 'op' in value)) return undefined;
  const reply = value as Readonly<Record<string, unknown>>;
  return ('op' in reply ? isHello(reply) : isAnswer(reply)) ? (value as ChannelReply) : undefined;
}

function isHello({ op, version, resumed }: Readonly<Record<string, unknown>>): boolean {
  return op === 'hello' && Number.isInteger(version) && (resumed === undefined || resumed === true);
}

function isAnswer(reply: Readonly<Record<string, unknown>>): boolean {
  if (!Number.isInteger(reply['id'])) return false;
  if (reply['ok'] === true) return isOptionalText(reply['part']) && isOptionalText(reply['decision']);
  if (reply['ok'] !== false || !isOptionalText(reply['suggestion'])) return false;
  return [reply['errno'], reply['reason'], reply['message']].every((text) => typeof text === 'string');
}

function isOptionalText(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

// Encodes a reply as one MessagePack map of at most MAX_REPLY_BYTES.

const packr = new Packr({ useRecords: false, variableMapSize: true });
const MAX_TEXT_CHARACTERS = 2048;

/** Encodes a reply for one packet. It cuts overlong texts of a failure. */
export function encodeReply(reply: ChannelReply): Uint8Array {
  const bytes = packr.pack(reply);
  if (bytes.length <= MAX_REPLY_BYTES || !('errno' in reply)) return bytes;
  const { suggestion, message, ...rest } = reply;
  return packr.pack({ ...rest, message: message.slice(0, MAX_TEXT_CHARACTERS) });
}
