// A packet of the reply socket: it is a reply of a known form, or none. A failure's packet is never too long, whatever its message says.
import assert from 'node:assert/strict';
import { MAX_REPLY_BYTES } from '../../../shared/limits.js';
import { decodeReply, encodeReply } from '../../../shared/protocol/replies.js';
import type { FuzzTarget } from '../fuzz-target.js';

const words = [
  'id',
  'ok',
  'op',
  'hello',
  'version',
  'resumed',
  'part',
  'errno',
  'reason',
  'message',
  'suggestion',
];

export const target: FuzzTarget = {
  name: 'reply',
  maxBytes: 4096,
  slowMs: 50,
  tokens: [
    ...words.map((word) => Buffer.from([0xa0 | word.length, ...Buffer.from(word)])),
    ...[
      [0x82],
      [0x85],
      [0xc2],
      [0xc3],
      [0xd4, 0x72, 0x40],
      [0xc7, 1, 0x78, 0],
      [0xdf, 0xff, 0xff, 0xff, 0xff],
    ].map(Buffer.from),
  ],
  run: (bytes) => {
    mustEncode(Buffer.from(bytes).toString('utf8'), bytes.length);
    const reply = decodeReply(bytes);
    if (reply === undefined) return 'none';
    if ('op' in reply && reply.op === 'hello') {
      assert.ok(Number.isInteger(reply.version));
      return `hello ${reply.resumed}`;
    }
    assert.ok('id' in reply && Number.isInteger(reply.id));
    if (reply.ok) return `ok ${'part' in reply} ${'decision' in reply}`;
    for (const text of [reply.errno, reply.reason, reply.message]) assert.equal(typeof text, 'string');
    return `failure ${typeof reply.suggestion}`;
  },
};

function mustEncode(text: string, times: number): void {
  const message = text.repeat(1 + (times % 8));
  const failure = { id: times, ok: false, errno: 'EACCES', reason: 'no_rule', message } as const;
  for (const reply of [failure, { ...failure, suggestion: text.slice(0, 300) }]) {
    const packet = Uint8Array.from(encodeReply(reply));
    assert.ok(packet.length <= MAX_REPLY_BYTES, `${packet.length} bytes`);
    const decoded = decodeReply(packet);
    assert.ok(decoded !== undefined && 'message' in decoded);
    assert.ok(
      message.startsWith(decoded.message.replace(/\ufffd$/, '')),
      'its message is the beginning of what was said',
    );
  }
}
