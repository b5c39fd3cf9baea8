import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_REPLY_BYTES } from '../../shared/limits.js';
import type { ChannelReply } from '../../shared/protocol/messages.js';
import { decodeReply, encodeReply } from '../../shared/protocol/replies.js';

const FAILURE = { id: 9, ok: false, errno: 'EACCES', reason: 'no_rule', message: 'No' } as const;

test('decodeReply() reads what encodeReply() writes', () => {
  const replies: ChannelReply[] = [
    { op: 'hello', version: 1 },
    { op: 'hello', version: 1, resumed: true },
    { id: 0xffff_ffff, ok: true },
    { id: 3, ok: true, part: 'request' },
    { id: 3, ok: true, decision: 'would_deny', reason: 'no_rule' },
    FAILURE,
    { ...FAILURE, suggestion: 'example.com' },
  ];
  for (const reply of replies) assert.deepEqual(decodeReply(encodeReply(reply)), reply);
});

test('a reply fits a packet, whatever its texts are', () => {
  const bytes = encodeReply({ ...FAILURE, message: 'ü'.repeat(20_000), suggestion: 'x'.repeat(20_000) });
  assert.ok(bytes.length <= MAX_REPLY_BYTES);
  assert.notEqual(decodeReply(bytes), undefined);
});

test('decodeReply() answers undefined to what is no reply', () => {
  const frames = [
    '',
    'c0',
    '80',
    '81a26964',
    '82a26964a131a26f6bc3',
    '82a2696401a26f6bc2',
    '81a26f70a568656c6c6f',
    // A hello without a version, which is an answer too.
    '83a26f70a568656c6c6fa2696401a26f6bc3',
  ];
  for (const frame of frames) assert.equal(decodeReply(Buffer.from(frame, 'hex')), undefined, frame);
});
