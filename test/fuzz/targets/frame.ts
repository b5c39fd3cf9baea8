// A packet of the request pipe: the decoder yields an owned request if and only if a naive reader does, else a known kind of error.
import assert from 'node:assert/strict';
import { decodeRequest, encodeRequest } from '../../../shared/protocol/requests.js';
import { PROTOCOL_ERRORS } from '../../../shared/words.js';
import type { FuzzTarget } from '../fuzz-target.js';
import { hostileFrame } from '../hostile-frame.js';
import { readNaively } from '../naive-request.js';

const kinds: readonly string[] = PROTOCOL_ERRORS;
const words = ['op', 'id', 'host', 'port', 'version', 'timeout_ms', '__proto__', 'constructor', 'toString'];
const ops = ['hello', 'connect', 'cancel', 'explain', 'open_channel', 'example.com'];

export const target: FuzzTarget = {
  name: 'frame',
  maxBytes: 4096,
  slowMs: 50,
  tokens: [
    ...[...words, ...ops].map((word) => Buffer.from([0xa0 | word.length, ...Buffer.from(word)])),
    ...[[0x82], [0x84], [0x85], [0xdf, 0, 0, 0, 2], [0xc1], [0xc0], [0xd4, 0], [0xc4, 1, 0]].map(Buffer.from),
    ...[
      [0xcf, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
      [0xcb, 0x40, 0x7b, 0xb0, 0, 0, 0, 0, 0],
    ].map(Buffer.from),
    ...[
      [0xdd, 0xff, 0xff, 0xff, 0xff],
      [0xdb, 0x7f, 0xff, 0xff, 0xff],
      [0x91, 0x91, 0x91, 0x91],
    ].map(Buffer.from),
    ...[
      [0xef, 0xbb, 0xbf],
      [0xed, 0xa0, 0x80],
      [0xc0, 0x80],
      [0xf0, 0x9f, 0x98, 0x80],
    ].map(Buffer.from),
  ],
  generate: (pick) => hostileFrame(pick, pick(5000)),
  run: (bytes) => {
    const expected = readNaively(bytes);
    const decoded = decodeRequest(bytes);
    const before = JSON.stringify(decoded);
    bytes.fill(0xa5);
    assert.equal(JSON.stringify(decoded), before, 'it shares memory with the frame');
    if (typeof decoded === 'string') {
      assert.ok(kinds.includes(decoded), decoded);
      assert.equal(expected, undefined, `refused as ${decoded}`);
      return decoded;
    }
    assert.ok(expected !== undefined, `taken, though it is no request: ${before}`);
    // Compared as JSON, where -0 and 0 are one number.
    assert.deepEqual(JSON.parse(before), JSON.parse(JSON.stringify(expected)));
    const again = decodeRequest(Uint8Array.from(encodeRequest(decoded)));
    assert.equal(JSON.stringify(again), before, 'encoded and decoded again');
    return `${decoded.op} ${Object.keys(decoded).length}`;
  },
};
