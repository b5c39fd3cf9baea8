import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Packr } from 'msgpackr/index-no-eval';
import { MAX_FRAME_DEPTH, MAX_REQUEST_BYTES } from '../../shared/limits.js';
import type { ChannelRequest } from '../../shared/protocol/messages.js';
import { decodeRequest, encodeRequest } from '../../shared/protocol/requests.js';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const pack = (value: unknown): Buffer => packr.pack(value);
const CONNECT = { op: 'connect', id: 1, host: 'example.com', port: 443 };

/** A map of raw keys and values, in hexadecimal or as text. */
function rawMap(...parts: (Buffer | string)[]): Buffer {
  const bytes = parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : part));
  return Buffer.concat([Buffer.from([0x80 | (parts.length / 2)]), ...bytes]);
}

test('decodeRequest() reads what encodeRequest() writes', () => {
  const requests: ChannelRequest[] = [
    { op: 'hello', version: 1 },
    { op: 'connect', id: 0, host: 'example.com', port: 443 },
    { op: 'connect', id: 0xffff_ffff, host: 'bücher.example', port: -1, timeout_ms: 120_000 },
    { op: 'cancel', id: 7 },
    { op: 'open_channel', id: 7 },
    { op: 'explain', id: 7, host: '', port: 2 ** 40 },
  ];
  for (const request of requests) assert.deepEqual(decodeRequest(encodeRequest(request)), request);
});

test('decodeRequest() copies: the frame may be reused', () => {
  const frame = Buffer.from(encodeRequest({ op: 'connect', id: 1, host: 'example.com', port: 443 }));
  const request = decodeRequest(frame);
  frame.fill(0);
  assert.deepEqual(request, CONNECT);
});

test('malformed: bytes that are not one map, or more than one, cut short at any place', () => {
  const frame = pack(CONNECT);
  for (let length = 0; length < frame.length; length += 1) {
    assert.equal(decodeRequest(frame.subarray(0, length)), 'malformed', `cut at ${length}`);
  }
  assert.equal(decodeRequest(Buffer.concat([frame, frame])), 'malformed');
  assert.equal(decodeRequest(Buffer.concat([frame, Buffer.from([0xc0])])), 'malformed');
  for (const value of [null, 1, 'text', [1], true]) assert.equal(decodeRequest(pack(value)), 'malformed');
});

// proves: frames: no byte that MessagePack never uses
// proves: frames: text is UTF-8
test('malformed: the byte that MessagePack never uses, and text that is not UTF-8', () => {
  assert.equal(decodeRequest(rawMap(pack('id'), 'c1')), 'malformed');
  for (const text of ['a1ff', 'a2c080', 'a3eda080', 'a4f4908080', 'a1c3']) {
    assert.equal(decodeRequest(rawMap(pack('host'), text)), 'malformed', text);
    assert.equal(decodeRequest(rawMap(text, pack(1))), 'malformed', text);
  }
});

test('malformed: counts and lengths far beyond the frame cost nothing', () => {
  const start = performance.now();
  for (const frame of [
    'dfffffffff',
    'deffff',
    '81a161ddffffffff',
    '81a161dbffffffff',
    '81a161c6ffffffff',
    '81a161d9',
  ]) {
    assert.equal(decodeRequest(Buffer.from(frame, 'hex')), 'malformed', frame);
  }
  assert.ok(performance.now() - start < 500);
});

test('oversized: a full packet that goes on', () => {
  const frame = pack({ ...CONNECT, host: 'x'.repeat(2 * MAX_REQUEST_BYTES) }).subarray(0, MAX_REQUEST_BYTES);
  assert.equal(decodeRequest(frame), 'oversized');
});

test('a full packet that ends within its bytes is judged like any other', () => {
  const rest = MAX_REQUEST_BYTES - pack({ ...CONNECT, host: 'x'.repeat(300) }).length + 300;
  const frame = pack({ ...CONNECT, host: 'x'.repeat(rest) });
  assert.equal(frame.length, MAX_REQUEST_BYTES);
  assert.equal(decodeRequest(frame), 'bad_shape');
});

// proves: frames: nesting is bounded
test('too_deep: nesting beyond the limit, bad_shape: nesting within it', () => {
  const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)]);
  assert.equal(decodeRequest(pack({ ...CONNECT, host: nest(MAX_FRAME_DEPTH - 1) })), 'bad_shape');
  assert.equal(decodeRequest(pack({ ...CONNECT, host: nest(MAX_FRAME_DEPTH) })), 'too_deep');
  const bomb = Buffer.concat([Buffer.from('81a161', 'hex'), Buffer.alloc(4000, 0x91)]);
  assert.equal(decodeRequest(bomb), 'too_deep');
});

test('an unknown op and a wrong version have their own words', () => {
  assert.equal(decodeRequest(pack({ op: 'listen', id: 1 })), 'unknown_op');
  assert.equal(decodeRequest(pack({ op: 'toString', id: 1 })), 'unknown_op');
  assert.equal(decodeRequest(pack({ op: 'hello', version: 2 })), 'version');
});

test('bad_shape: a key missing, unknown, twice, or not text', () => {
  const { port, ...withoutPort } = CONNECT;
  const shapes = [
    {},
    { id: 1 },
    withoutPort,
    { ...CONNECT, extra: port },
    { op: 'cancel', id: 1, host: 'x' },
  ];
  for (const shape of shapes) assert.equal(decodeRequest(pack(shape)), 'bad_shape', JSON.stringify(shape));
  const twice = rawMap(pack('op'), pack('cancel'), pack('id'), pack(1), pack('id'), pack(2));
  assert.equal(decodeRequest(twice), 'bad_shape');
  assert.equal(decodeRequest(rawMap(pack('op'), pack('cancel'), pack(1), pack(1))), 'bad_shape');
  const proto = rawMap(pack('op'), pack('cancel'), pack('id'), pack(1), pack('__proto__'), pack({ id: 2 }));
  assert.equal(decodeRequest(proto), 'bad_shape');
});

test('bad_shape: values of a wrong type or out of bounds', () => {
  const wrong: Record<string, unknown>[] = [
    { id: -1 },
    { id: 2 ** 32 },
    { id: 1.5 },
    { id: '1' },
    { id: null },
    { host: 1 },
    { host: Buffer.from('example.com') },
    { host: 'x'.repeat(1025) },
    { host: 'ü'.repeat(513) },
    { port: '443' },
    { port: 443.5 },
    { port: Number.NaN },
    { port: true },
    { timeout_ms: 0 },
    { timeout_ms: 120_001 },
    { timeout_ms: null },
    { op: 7 },
    { op: null },
  ];
  for (const fields of wrong) {
    assert.equal(decodeRequest(pack({ ...CONNECT, ...fields })), 'bad_shape', JSON.stringify(fields));
  }
  for (const host of ['x'.repeat(1024), 'ü'.repeat(512)]) {
    assert.deepEqual(decodeRequest(pack({ ...CONNECT, host })), { ...CONNECT, host });
  }
});

test('bad_shape: bin and extensions, even if their value would be valid', () => {
  const values = [
    'cb3ff8000000000000',
    'cb7ff8000000000000',
    'd40001',
    'd6ff00000000',
    'c70100 01',
    'c40101',
  ];
  for (const value of values) {
    const frame = rawMap(pack('op'), pack('cancel'), pack('id'), value.replace(' ', ''));
    assert.equal(decodeRequest(frame), 'bad_shape', value);
  }
});
