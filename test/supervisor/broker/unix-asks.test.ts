import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readUnixAsk } from '../../../sandbox/supervisor/broker/unix-asks.js';

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64');
const read = (packet: unknown): unknown => readUnixAsk(Buffer.from(JSON.stringify(packet)));
const ASK = { type: 'unix_connect', session: 1, id: 2 };

test('readUnixAsk() reads a path from the root, and an abstract name', () => {
  assert.deepEqual(read({ ...ASK, target: { kind: 'path', path: base64('/tmp/a'), self: 7 } }), {
    session: 1,
    id: 2,
    target: { kind: 'path', path: Buffer.from('/tmp/a'), self: 7 },
  });
  const address = Buffer.from([1, 0, 0, 97]);
  assert.deepEqual(read({ ...ASK, target: { kind: 'abstract', address: base64(address) } }), {
    session: 1,
    id: 2,
    target: { kind: 'abstract', address },
  });
});

test('readUnixAsk() reads nothing else', () => {
  const path = { kind: 'path', path: base64('/tmp/a') };
  const others: unknown[] = [
    null,
    [],
    {},
    { ...ASK },
    { ...ASK, type: 'trap', target: path },
    { ...ASK, session: '1', target: path },
    { ...ASK, id: null, target: path },
    { ...ASK, target: { kind: 'path', path: base64('tmp/a') } },
    { ...ASK, target: { kind: 'path', path: base64('/tmp\0/a') } },
    { ...ASK, target: { kind: 'path' } },
    { ...ASK, target: { kind: 'abstract', address: base64(Buffer.from([1, 0, 47])) } },
    { ...ASK, target: { kind: 'abstract', address: base64(Buffer.from([2, 0, 0, 1])) } },
    { ...ASK, target: { kind: 'abstract', address: base64(Buffer.from([1, 0])) } },
  ];
  for (const packet of others) assert.equal(read(packet), undefined, JSON.stringify(packet));
  assert.equal(readUnixAsk(Buffer.from('{')), undefined);
  assert.equal(readUnixAsk(new Uint8Array()), undefined);
});
