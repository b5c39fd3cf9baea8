import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOrder } from '../../../sandbox/supervisor/broker/read-orders.js';

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64');
const read = (packet: unknown): unknown => readOrder(Buffer.from(JSON.stringify(packet)));
const CONNECT = { type: 'unix_connect', session: 1, id: 2 };

test('an order to connect has a path from the root, or an abstract name', () => {
  assert.deepEqual(read({ ...CONNECT, target: { kind: 'path', path: base64('/tmp/a'), self: 7 } }), {
    ...CONNECT,
    target: { kind: 'path', path: Buffer.from('/tmp/a'), self: 7 },
  });
  const address = Buffer.from([1, 0, 0, 97]);
  assert.deepEqual(read({ ...CONNECT, target: { kind: 'abstract', address: base64(address) } }), {
    ...CONNECT,
    target: { kind: 'abstract', address },
  });
});

test('an order to connect is read in no other form', () => {
  const path = { kind: 'path', path: base64('/tmp/a') };
  const others: unknown[] = [
    null,
    [],
    {},
    { ...CONNECT },
    { ...CONNECT, type: 'trap', target: path },
    { ...CONNECT, session: '1', target: path },
    { ...CONNECT, id: null, target: path },
    { ...CONNECT, target: { kind: 'path', path: base64('tmp/a') } },
    { ...CONNECT, target: { kind: 'path', path: base64('/tmp\0/a') } },
    { ...CONNECT, target: { kind: 'path' } },
    { ...CONNECT, target: { kind: 'abstract', address: base64(Buffer.from([1, 0, 47])) } },
    { ...CONNECT, target: { kind: 'abstract', address: base64(Buffer.from([2, 0, 0, 1])) } },
    { ...CONNECT, target: { kind: 'abstract', address: base64(Buffer.from([1, 0])) } },
  ];
  for (const packet of others) assert.equal(read(packet), undefined, JSON.stringify(packet));
  assert.equal(readOrder(Buffer.from('{')), undefined);
  assert.equal(readOrder(new Uint8Array()), undefined);
});

const ANSWER = { type: 'caller_answer', session: 1, id: 2, tid: 3, answer: base64('answer') };

test('an order to answer a caller has the answer, and nothing else', () => {
  assert.deepEqual(read(ANSWER), {
    type: 'caller_answer',
    session: 1,
    id: 2,
    tid: 3,
    bytes: Buffer.from('answer'),
  });
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
  for (const packet of others) assert.equal(read(packet), undefined, JSON.stringify(packet));
});

const MARK = { type: 'mark_socket', plugin: 'one', id: 2, mark: 42 };

test('an order to mark a socket says whose socket it is, and nothing else', () => {
  assert.deepEqual(read({ ...MARK, more: 1 }), MARK);
  const others: unknown[] = [
    null,
    [],
    {},
    { ...MARK, type: 'unix_connect' },
    { ...MARK, type: 'toString' },
    { ...MARK, plugin: 1 },
    { ...MARK, plugin: undefined },
    { ...MARK, id: '2' },
    { ...MARK, mark: '42' },
  ];
  for (const packet of others) assert.equal(read(packet), undefined, JSON.stringify(packet));
  assert.equal(readOrder(Buffer.from('{')), undefined);
  assert.equal(readOrder(new Uint8Array()), undefined);
});

const MODE = {
  type: 'folder_mode',
  session: 1,
  id: 2,
  path: base64('/tmp/a'),
  self: 7,
  keepsLink: true,
  inode: { dev: '3', ino: '18446744073709551615', length: 4 },
  mode: 0o3777,
};

test('an order for the mode of a folder has the path, the folder that is meant, and a mode without set-uid', () => {
  const change = {
    path: Buffer.from('/tmp/a'),
    self: 7,
    keepsLink: true,
    inode: { dev: 3n, ino: 18446744073709551615n, length: 4 },
    mode: 0o3777,
  };
  assert.deepEqual(read(MODE), { type: 'folder_mode', session: 1, id: 2, change });
  const plain = { ...change, self: undefined, inode: undefined, keepsLink: false };
  assert.deepEqual(read({ ...MODE, self: undefined, inode: undefined, keepsLink: false }), {
    type: 'folder_mode',
    session: 1,
    id: 2,
    change: plain,
  });
});

// proves: folder modes: a broker that was taken over gets no set-uid bit from the supervisor
test('an order for the mode of a folder is read in no other form', () => {
  const others: unknown[] = [
    null,
    [],
    {},
    { ...MODE, type: 'unix_connect' },
    { ...MODE, session: '1' },
    { ...MODE, id: null },
    ...[0o4755, 0o6755, 0o7777, 0o12755, -1, 1.5, '493', undefined].map((mode) => ({ ...MODE, mode })),
    ...['tmp/a', '/tmp\0/a', ''].map((path) => ({ ...MODE, path: base64(path) })),
    { ...MODE, path: undefined },
    ...[
      ...[null, {}, { dev: '1' }, { dev: '-1', ino: '1', length: 1 }, { dev: '1', ino: 'x', length: 1 }],
      ...[0, 7, 1.5, '1', undefined].map((length) => ({ dev: '1', ino: '1', length })),
    ].map((inode) => ({
      ...MODE,
      inode,
    })),
  ];
  for (const packet of others) assert.equal(read(packet), undefined, JSON.stringify(packet));
  assert.equal(readOrder(Buffer.from('{')), undefined);
});
