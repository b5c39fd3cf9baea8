// Makes frames that a hostile plugin might send, from random bytes to requests that are almost valid.
import { encodeRequest } from '../../shared/protocol/requests.js';

/** A generator of numbers below a bound, the same for the same seed (mulberry32). */
export function chance(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const HOSTS = [
  'example.com',
  '127.0.0.1',
  '[::1]',
  '',
  'a'.repeat(300),
  '127.1',
  '\u0000',
  'x%00y',
  '.',
  '169.254.169.254',
];

/** One frame of at most 5,000 bytes. */
export function hostileFrame(pick: (bound: number) => number, id: number): Uint8Array {
  const host = HOSTS[pick(HOSTS.length)] ?? '';
  const request = (): Uint8Array => {
    switch (pick(4)) {
      case 0:
        return encodeRequest({ op: 'connect', id, host, port: pick(70_000) });
      case 1:
        return encodeRequest({ op: 'explain', id, host, port: pick(70_000) });
      case 2:
        return encodeRequest({ op: 'cancel', id: pick(1000) });
      default:
        return encodeRequest({ op: 'hello', version: pick(3) });
    }
  };
  const bytes = Uint8Array.from(request());
  switch (pick(12)) {
    case 0: // Chance alone.
      return Uint8Array.from({ length: 1 + pick(64) }, () => pick(256));
    case 1: // A few bytes changed.
      for (let left = 1 + pick(4); left > 0; left -= 1) bytes[pick(bytes.length)] = pick(256);
      return bytes;
    case 2: // Cut short.
      return bytes.subarray(0, 1 + pick(bytes.length));
    case 3: // Something behind it.
      return Uint8Array.from([...bytes, ...Array.from({ length: 1 + pick(8) }, () => pick(256))]);
    case 4: // Nested, to any depth that fits.
      return Uint8Array.from({ length: 1 + pick(4096) }, () => (pick(2) === 0 ? 0x91 : 0x81));
    case 5: // A length that is not there.
      return Uint8Array.from([
        [0xdd, 0xdf, 0xdb, 0xc6, 0xc9][pick(5)] ?? 0xdd,
        0xff,
        0xff,
        0xff,
        0xff,
        ...bytes,
      ]);
    case 6: // Larger than a packet.
      return Uint8Array.from([
        0x81,
        0xa2,
        0x6f,
        0x70,
        0xdb,
        0,
        0,
        0x20,
        0,
        ...new Uint8Array(4000 + pick(900)),
      ]);
    case 7: // Extensions and the unused byte.
      return Uint8Array.from([
        0x81,
        0xa2,
        0x6f,
        0x70,
        [0xc1, 0xd4, 0xd5, 0xc7, 0xc8][pick(5)] ?? 0xc1,
        pick(256),
        pick(256),
      ]);
    default: // As it is: well formed, if odd.
      return bytes;
  }
}
