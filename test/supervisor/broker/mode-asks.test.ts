import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readModeAsk } from '../../../sandbox/supervisor/broker/orders.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const read = (packet: unknown): unknown => readModeAsk(Buffer.from(JSON.stringify(packet)));
const ASK = {
  type: 'folder_mode',
  session: 1,
  id: 2,
  path: base64('/tmp/a'),
  self: 7,
  keepsLink: true,
  inode: { dev: '3', ino: '18446744073709551615', length: 4 },
  mode: 0o3777,
};

test('readModeAsk() reads the path, the folder that is meant, and a mode without set-uid', () => {
  const change = {
    path: Buffer.from('/tmp/a'),
    self: 7,
    keepsLink: true,
    inode: { dev: 3n, ino: 18446744073709551615n, length: 4 },
    mode: 0o3777,
  };
  assert.deepEqual(read(ASK), { session: 1, id: 2, change });
  const plain = { ...change, self: undefined, inode: undefined, keepsLink: false };
  assert.deepEqual(read({ ...ASK, self: undefined, inode: undefined, keepsLink: false }), {
    session: 1,
    id: 2,
    change: plain,
  });
});

// proves: folder modes: a broker that was taken over gets no set-uid bit from the supervisor
test('readModeAsk() reads nothing else', () => {
  const others: unknown[] = [
    null,
    [],
    {},
    { ...ASK, type: 'unix_connect' },
    { ...ASK, session: '1' },
    { ...ASK, id: null },
    ...[0o4755, 0o6755, 0o7777, 0o12755, -1, 1.5, '493', undefined].map((mode) => ({ ...ASK, mode })),
    ...['tmp/a', '/tmp\0/a', ''].map((path) => ({ ...ASK, path: base64(path) })),
    { ...ASK, path: undefined },
    ...[
      ...[null, {}, { dev: '1' }, { dev: '-1', ino: '1', length: 1 }, { dev: '1', ino: 'x', length: 1 }],
      ...[0, 7, 1.5, '1', undefined].map((length) => ({ dev: '1', ino: '1', length })),
    ].map((inode) => ({
      ...ASK,
      inode,
    })),
  ];
  for (const packet of others) assert.equal(read(packet), undefined, JSON.stringify(packet));
  assert.equal(readModeAsk(Buffer.from('{')), undefined);
});
