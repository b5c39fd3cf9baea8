// Reads a channel's request a second time, in a simple way: MessagePack to entries, entries against PROTOCOL.md's table.
import type { ChannelRequest } from '../../shared/protocol/messages.js';

const KEYS: ReadonlyMap<unknown, readonly string[]> = new Map(
  Object.entries({
    hello: ['op', 'version'],
    connect: ['op', 'id', 'host', 'port', 'timeout_ms'],
    explain: ['op', 'id', 'host', 'port'],
    cancel: ['op', 'id'],
    open_channel: ['op', 'id'],
  }),
);

/** @returns undefined if the bytes are no request of version 1 */
export function readNaively(bytes: Uint8Array): ChannelRequest | undefined {
  let entries: [unknown, unknown][];
  try {
    entries = readMap(bytes);
  } catch {
    return undefined;
  }
  const fields = new Map(entries);
  const keys = KEYS.get(fields.get('op'));
  if (keys === undefined || fields.size !== entries.length) return undefined;
  if (![...fields.keys()].every((key) => typeof key === 'string' && keys.includes(key))) return undefined;
  if (!keys.every((key) => key === 'timeout_ms' || fields.has(key))) return undefined;
  if (![...fields].every(([key, value]) => fits(key, value))) return undefined;
  return Object.fromEntries(fields) as ChannelRequest;
}

function fits(key: unknown, value: unknown): boolean {
  if (key === 'op') return typeof value === 'string';
  if (key === 'host') return typeof value === 'string' && Buffer.byteLength(value) <= 1024;
  if (!Number.isInteger(value)) return false;
  const number = Number(value);
  if (key === 'id') return number >= 0 && number < 2 ** 32;
  if (key === 'timeout_ms') return number >= 1 && number <= 120_000;
  return key === 'port' || (key === 'version' && number === 1);
}

/** Reads a map of scalars with nothing after it. Everything else throws. */
function readMap(bytes: Uint8Array): [unknown, unknown][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const take = (size: number): number => {
    at += size;
    return at - size;
  };
  const text = (size: number): string => {
    if (at + size > bytes.length) throw new RangeError('cut short');
    const start = take(size);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      bytes.subarray(start, start + size),
    );
  };
  const value = (): unknown => {
    const token = view.getUint8(take(1));
    if (token <= 0x7f) return token;
    if (token >= 0xe0) return token - 256;
    if (token >= 0xa0 && token <= 0xbf) return text(token & 0x1f);
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return token === 0xc3;
      case 0xca:
        return view.getFloat32(take(4));
      case 0xcb:
        return view.getFloat64(take(8));
      case 0xcc:
        return view.getUint8(take(1));
      case 0xcd:
        return view.getUint16(take(2));
      case 0xce:
        return view.getUint32(take(4));
      case 0xcf:
        return Number(view.getBigUint64(take(8)));
      case 0xd0:
        return view.getInt8(take(1));
      case 0xd1:
        return view.getInt16(take(2));
      case 0xd2:
        return view.getInt32(take(4));
      case 0xd3:
        return Number(view.getBigInt64(take(8)));
      case 0xd9:
        return text(view.getUint8(take(1)));
      case 0xda:
        return text(view.getUint16(take(2)));
      case 0xdb:
        return text(view.getUint32(take(4)));
      default:
        throw new RangeError('no scalar');
    }
  };
  const first = view.getUint8(take(1));
  let count = first & 0x0f;
  if (first === 0xde) count = view.getUint16(take(2));
  else if (first === 0xdf) count = view.getUint32(take(4));
  else if (first >> 4 !== 8) throw new RangeError('no map');
  const entries: [unknown, unknown][] = [];
  for (let left = count; left > 0; left -= 1) entries.push([value(), value()]);
  if (at !== bytes.length) throw new RangeError('something behind it');
  return entries;
}
