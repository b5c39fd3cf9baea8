import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnswerAsk, readUnixAsk } from '../../../sandbox/supervisor/broker/orders.js';

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

const ANSWER = { type: 'caller_answer', session: 1, id: 2, tid: 3, answer: base64('answer') };
const readAnswer = (packet: unknown): unknown => readAnswerAsk(Buffer.from(JSON.stringify(packet)));

test('readAnswerAsk() reads an answer to a caller, and nothing else', () => {
  assert.deepEqual(readAnswer(ANSWER), { session: 1, id: 2, tid: 3, bytes: Buffer.from('answer') });
  const others: unknown[] = [
    null,
    { ...ANSWER, type: 'unix_connect' },
    { ...ANSWER, session: null },
    { ...ANSWER, id: '2' },
    { ...ANSWER, tid: 0 },
    { ...ANSWER, tid: -3 },
    { ...ANSWER, tid: 1.5 },
    { ...ANSWER, tid: '3/../4' },
    { ...ANSWER, answer: base64(new Uint8Array(1025)) },
  ];
  for (const packet of others) assert.equal(readAnswer(packet), undefined, JSON.stringify(packet));
  assert.equal(readAnswerAsk(Buffer.from('{')), undefined);
  assert.equal(read(ANSWER), undefined);
});
