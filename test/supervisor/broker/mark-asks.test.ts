import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMarkAsk } from '../../../sandbox/supervisor/broker/orders.js';

const read = (packet: unknown): unknown => readMarkAsk(Buffer.from(JSON.stringify(packet)));
const ASK = { type: 'mark_socket', plugin: 'one', id: 2, mark: 42 };

test('readMarkAsk() reads whose socket it is, and nothing else', () => {
  assert.deepEqual(read(ASK), { plugin: 'one', id: 2, mark: 42 });
  const others: unknown[] = [
    null,
    [],
    {},
    { ...ASK, type: 'unix_connect' },
    { ...ASK, plugin: 1 },
    { ...ASK, plugin: undefined },
    { ...ASK, id: '2' },
    { ...ASK, mark: '42' },
  ];
  for (const packet of others) assert.equal(read(packet), undefined, JSON.stringify(packet));
  assert.equal(readMarkAsk(Buffer.from('{')), undefined);
  assert.equal(readMarkAsk(new Uint8Array()), undefined);
});
