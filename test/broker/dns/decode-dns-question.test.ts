import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeDnsQuestion } from '../../../broker/dns/decode-dns-question.js';
import { MAX_QUESTION_BYTES } from '../../../shared/limits.js';
import { nameBytes, opt, type QueryParts, query } from '../dns-query.js';

/** `formerr`, `notimp`, `refused`, `drop`, or the name that was read. */
function read(name: string | Buffer, parts: QueryParts = {}): string {
  return word(query(name, parts));
}

function word(message: Uint8Array): string {
  const decoded = decodeDnsQuestion(message);
  if (decoded === 'drop') return 'drop';
  return 'rejected' in decoded ? decoded.rejected : decoded.name;
}

test('decodeDnsQuestion() reads a question and its EDNS options, and keeps no part of the message', () => {
  const message = query('Api.eXample.Test', { id: 77, type: 28, edns: { size: 1400, do: true } });
  const decoded = decodeDnsQuestion(message);
  message.fill(0xff);
  assert.deepEqual(decoded, {
    id: 77,
    recursionDesired: true,
    name: 'Api.eXample.Test',
    type: 28,
    bytes: new Uint8Array([...nameBytes('Api.eXample.Test'), 0, 28, 0, 1]),
    edns: { size: 1400, version: 0, do: true },
  });
});

test('a question without EDNS has none, and keeps its recursion flag', () => {
  const decoded = decodeDnsQuestion(query('a.test', { flags: 0 }));
  assert.ok(decoded !== 'drop' && !('rejected' in decoded));
  assert.equal(decoded.edns, undefined);
  assert.equal(decoded.recursionDesired, false);
});

test('a message that is no query is dropped: a response, a header cut short, one that is too long', () => {
  assert.equal(read('a.test', { flags: 0x8180 }), 'drop');
  for (let length = 0; length < 12; length += 1) assert.equal(word(new Uint8Array(length)), 'drop');
  const room = MAX_QUESTION_BYTES - query('a.test', { edns: {} }).length;
  const options = (length: number): Buffer => {
    const padding = Buffer.alloc(length);
    padding.writeUInt16BE(12, 0);
    padding.writeUInt16BE(length - 4, 2);
    return padding;
  };
  assert.equal(read('a.test', { edns: { options: options(room) } }), 'a.test');
  assert.equal(read('a.test', { edns: { options: options(room + 1) } }), 'drop');
});

test('another opcode is notimp, and comes back in the answer', () => {
  for (let opcode = 1; opcode < 16; opcode += 1) {
    const decoded = decodeDnsQuestion(query('a.test', { id: 9, flags: opcode << 11 }));
    assert.ok(decoded !== 'drop' && 'rejected' in decoded);
    assert.deepEqual([decoded.rejected, decoded.opcode, decoded.id], ['notimp', opcode, 9]);
  }
});

test('a message has one question, and no records except additional ones', () => {
  for (const counts of [
    [0, 0, 0, 0],
    [2, 0, 0, 0],
    [65_535, 0, 0, 0],
    [1, 1, 0, 0],
    [1, 0, 1, 0],
  ] as const)
    assert.equal(read('a.test', { counts }), 'formerr', counts.join());
});

test('a name that is compressed, in a loop or at all, is formerr', () => {
  for (const pointer of [0xc00c, 0xc000, 0xc00e, 0xffff]) {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(pointer);
    assert.equal(read(bytes), 'formerr');
    assert.equal(read(Buffer.concat([Buffer.from('\x01a'), bytes])), 'formerr');
  }
  for (const kind of [0x40, 0x80]) assert.equal(read(Buffer.from([kind, 0])), 'formerr');
});

test('labels have 63 bytes and names 255, and not one more', () => {
  const label = 'a'.repeat(63);
  assert.equal(read(`${label}.test`), `${label}.test`);
  assert.equal(
    read(Buffer.concat([Buffer.from([64]), Buffer.from('a'.repeat(64)), Buffer.from([0])])),
    'formerr',
  );
  const longest = [label, label, label, 'a'.repeat(61)].join('.');
  assert.equal(nameBytes(longest).length, 255);
  assert.equal(read(longest), longest);
  assert.equal(read([label, label, label, 'a'.repeat(62)].join('.')), 'formerr');
});

test('every message that is cut short is formerr', () => {
  const whole = query('api.example.test', { edns: { options: Buffer.from([0, 10, 0, 2, 1, 2]) } });
  for (let length = 12; length < whole.length; length += 1)
    assert.equal(word(whole.subarray(0, length)), 'formerr', `at ${length}`);
  assert.equal(word(whole), 'api.example.test');
});

test('bytes after the message, a second OPT record, one with a name, and options that overrun are formerr', () => {
  assert.equal(read('a.test', { tail: Buffer.from([0]) }), 'formerr');
  assert.equal(read('a.test', { edns: {}, tail: Buffer.from([0]) }), 'formerr');
  assert.equal(read('a.test', { counts: [1, 0, 0, 1], edns: {}, tail: opt({}) }), 'formerr');
  const named = Buffer.concat([Buffer.from('\x01a'), opt({})]);
  assert.equal(read('a.test', { counts: [1, 0, 0, 1], tail: named }), 'formerr');
  assert.equal(read('a.test', { edns: { options: Buffer.from([0, 10, 0, 3, 1, 2]) } }), 'formerr');
  assert.equal(read('a.test', { edns: { options: Buffer.from([0, 10, 0]) } }), 'formerr');
  assert.equal(read('a.test', { counts: [1, 0, 0, 65_535] }), 'formerr');
});

test('another record among the additional ones is passed over', () => {
  const record = Buffer.concat([nameBytes('key.test'), Buffer.from([0, 250, 0, 255, 0, 0, 0, 0, 0, 1, 7])]);
  assert.equal(read('a.test', { counts: [1, 0, 0, 1], edns: {}, tail: record }), 'a.test');
});

test('another class, the root and transfers are refused, ANY is notimp, types that are none are formerr', () => {
  for (const other of [3, 255, 0]) assert.equal(read('a.test', { class: other }), 'refused');
  assert.equal(read(''), 'refused');
  for (const type of [249, 250, 251, 252, 253, 254]) assert.equal(read('a.test', { type }), 'refused');
  assert.equal(read('a.test', { type: 255 }), 'notimp');
  for (const type of [0, 41]) assert.equal(read('a.test', { type }), 'formerr');
});

test('a name of any bytes is read as it is: the decoder does not look for a host name', () => {
  const odd = Buffer.from([3, 0x61, 0x2e, 0x00, 2, 0xff, 0x20, 0]);
  assert.equal(read(odd), 'a.\0.\xff ');
});
