// A plugin's requests as frames: read by the broker, whose bytes are hostile, and written by the library.

import { Packr, Unpackr } from 'msgpackr/index-no-eval';
import { MAX_CONNECT_TIMEOUT_MS } from '../limits.js';
import type { ProtocolErrorKind } from '../words.js';
import { type ChannelRequest, PROTOCOL_VERSION } from './messages.js';
import { scanFrame } from './scan-frame.js';

// Turns hostile bytes into an owned value or a ProtocolErrorKind. Trusts nothing, never throws.

const MAX_ID = 0xffff_ffff;
const MAX_HOST_BYTES = 1024;
const MAX_UTF8_BYTES_A_UNIT = 3;

const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

type Fields = Readonly<Record<string, unknown>>;

/**
 * Decodes one packet of a request pipe: a scan of the bytes, msgpackr, then a strict schema.
 *
 * @param frame the packet; nothing of the result points into it
 * @returns the request, or why the session ends
 */
export function decodeRequest(frame: Uint8Array): ChannelRequest | ProtocolErrorKind {
  const keys = scanFrame(frame);
  if (typeof keys === 'string') return keys;
  let fields: unknown;
  try {
    fields = unpackr.unpack(frame);
  } catch {
    return 'malformed';
  }
  if (typeof fields !== 'object' || fields === null) return 'malformed';
  return readRequest(fields as Fields, keys);
}

/**
 * Counts the known keys of the value. If the map in the frame has as many keys, none is unknown and none is there twice: of equal keys, the
 * value keeps one.
 */
function readRequest(fields: Fields, keys: number): ChannelRequest | ProtocolErrorKind {
  const { op } = fields;
  switch (op) {
    case 'connect':
      return readConnect(fields, keys) ?? 'bad_shape';
    case 'hello':
      return readHello(fields, keys);
    case 'cancel':
    case 'open_channel':
      return keys === 2 && isId(fields['id']) ? { op, id: fields['id'] } : 'bad_shape';
    case 'explain':
      return keys === 4 && isDestination(fields)
        ? { op, id: fields.id, host: fields.host, port: fields.port }
        : 'bad_shape';
    default:
      return typeof op === 'string' ? 'unknown_op' : 'bad_shape';
  }
}

function readHello({ version }: Fields, keys: number): ChannelRequest | ProtocolErrorKind {
  if (keys !== 2 || typeof version !== 'number') return 'bad_shape';
  return version === PROTOCOL_VERSION ? { op: 'hello', version } : 'version';
}

function readConnect(fields: Fields, keys: number): ChannelRequest | undefined {
  if (!isDestination(fields)) return undefined;
  const { id, host, port } = fields;
  const { timeout_ms } = fields;
  if (timeout_ms === undefined) return keys === 4 ? { op: 'connect', id, host, port } : undefined;
  if (keys !== 5 || !isWithin(timeout_ms, 1, MAX_CONNECT_TIMEOUT_MS)) return undefined;
  return { op: 'connect', id, host, port, timeout_ms };
}

interface Destination extends Fields {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

function isDestination(fields: Fields): fields is Destination {
  return isId(fields['id']) && isHost(fields['host']) && Number.isInteger(fields['port']);
}

function isId(value: unknown): value is number {
  return isWithin(value, 0, MAX_ID);
}

function isWithin(value: unknown, least: number, most: number): value is number {
  // Encoders write large whole numbers as floats. The value counts, not its form.
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

function isHost(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  return value.length * MAX_UTF8_BYTES_A_UNIT <= MAX_HOST_BYTES || Buffer.byteLength(value) <= MAX_HOST_BYTES;
}

// Encodes a request as one MessagePack map. Runs in the plugin's client library.

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
