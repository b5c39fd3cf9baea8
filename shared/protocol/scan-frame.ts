// Scans hostile bytes first: are they exactly one MessagePack map with the few types of a request? Runs in the broker, before msgpackr,
// which would turn 0xc1, extensions and bad UTF-8 into values.

import { isUtf8 } from 'node:buffer';
import { MAX_FRAME_DEPTH, MAX_REQUEST_BYTES } from '../limits.js';
import type { ProtocolErrorKind } from '../words.js';

/** The number of keys in the map, with repeated ones; or what is wrong. */
type ScanResult = number | ProtocolErrorKind;

/**
 * Scans a frame by the MessagePack specification. Each value takes at least one byte, so the time is linear in the length of the frame,
 * whatever counts it claims.
 *
 * @param frame one packet
 * @returns the number of keys; `malformed` if the bytes are not exactly one map (`oversized` if they fill a packet and go on), `too_deep`,
 *   or `bad_shape` for a type that no request has: bin, extension
 */
export function scanFrame(frame: Uint8Array): ScanResult {
  const scan = { frame, at: 0, foreign: false };
  const first = frame[0] ?? 0;
  if (FORM[first] !== TokenForm.map) return 'malformed';
  const keys = readSize(scan.frame, 1, first);
  const problem = scanValue(scan, 1);
  if (problem !== undefined) return problem;
  if (scan.at !== frame.length) return 'malformed';
  return scan.foreign ? 'bad_shape' : keys;
}

interface Scan {
  readonly frame: Uint8Array;
  at: number;
  foreign: boolean;
}

/** Moves past one value. The recursion is at most MAX_FRAME_DEPTH deep. */
function scanValue(scan: Scan, depth: number): ProtocolErrorKind | undefined {
  const { frame } = scan;
  const first = frame[scan.at];
  if (first === undefined) return cutShort(frame);
  const form = FORM[first];
  // protects: G8 frames: no byte that MessagePack never uses
  if (form === TokenForm.never) return 'malformed';
  const size = readSize(frame, scan.at + 1, first);
  const start = scan.at + 1 + (WIDTH[first] ?? 0);
  if (form === TokenForm.array || form === TokenForm.map) {
    // protects: G8 frames: nesting is bounded
    if (depth > MAX_FRAME_DEPTH) return 'too_deep';
    scan.at = start;
    return scanValues(scan, form === TokenForm.map ? 2 * size : size, depth + 1);
  }
  const end = start + size;
  // A length field that is cut short reads as NaN, and every comparison with NaN is false.
  if (!(end <= frame.length)) return cutShort(frame);
  // protects: G8 frames: text is UTF-8
  if (form === TokenForm.text && !isText(frame, start, end)) return 'malformed';
  if (form === TokenForm.foreign) scan.foreign = true;
  scan.at = end;
  return undefined;
}

function scanValues(scan: Scan, count: number, depth: number): ProtocolErrorKind | undefined {
  if (Number.isNaN(count)) return cutShort(scan.frame);
  for (let left = count; left > 0; left -= 1) {
    const problem = scanValue(scan, depth);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** The size in a token, or in the field after it; NaN if that is cut short. */
function readSize(frame: Uint8Array, at: number, token: number): number {
  let size = 0;
  const width = WIDTH[token] ?? 0;
  for (let index = at; index < at + width; index += 1) size = size * 256 + (frame[index] ?? Number.NaN);
  return size + (INLINE_SIZE[token] ?? 0);
}

/** A longer write arrives as several packets, and the first one is full. */
function cutShort(frame: Uint8Array): ProtocolErrorKind {
  return frame.length >= MAX_REQUEST_BYTES ? 'oversized' : 'malformed';
}

function isText(frame: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    if ((frame[at] ?? 0) > 0x7f) return isUtf8(frame.subarray(at, end));
  }
  return true;
}

// The meaning of the first byte of each MessagePack value: github.com/msgpack/msgpack, spec.md, Formats.

/** Numbers, nil and booleans are plain. No message here has the types bin and extension. */
const TokenForm = { plain: 0, text: 1, array: 2, map: 3, foreign: 4, never: 5 } as const;

/** The TokenForm of each token. */
const FORM: Uint8Array = new Uint8Array(256);
/** The bytes of the big-endian size field after the token. */
const WIDTH: Uint8Array = new Uint8Array(256);
/** How many bytes follow by the token itself (in an array or map: elements or pairs), in addition to the field. */
const INLINE_SIZE: Uint8Array = new Uint8Array(256);

function set(token: number, form: number, width: number, size: number): void {
  FORM[token] = form;
  WIDTH[token] = width;
  INLINE_SIZE[token] = size;
}

for (let size = 0; size < 16; size += 1) {
  set(0x80 + size, TokenForm.map, 0, size);
  set(0x90 + size, TokenForm.array, 0, size);
}
for (let size = 0; size < 32; size += 1) set(0xa0 + size, TokenForm.text, 0, size);
set(0xc1, TokenForm.never, 0, 0);
for (const [step, width] of [1, 2, 4].entries()) {
  set(0xc4 + step, TokenForm.foreign, width, 0);
  // The type of an extension stands between its size and its bytes.
  set(0xc7 + step, TokenForm.foreign, width, 1);
  set(0xd9 + step, TokenForm.text, width, 0);
}
for (const [step, size] of [4, 8].entries()) set(0xca + step, TokenForm.plain, 0, size);
for (const [step, size] of [1, 2, 4, 8].entries()) {
  set(0xcc + step, TokenForm.plain, 0, size);
  set(0xd0 + step, TokenForm.plain, 0, size);
}
for (const [step, size] of [1, 2, 4, 8, 16].entries()) set(0xd4 + step, TokenForm.foreign, 0, size + 1);
for (const [step, width] of [2, 4].entries()) {
  set(0xdc + step, TokenForm.array, width, 0);
  set(0xde + step, TokenForm.map, width, 0);
}
