// proves: G6
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { DescriptorPool } from '../../broker/limit/descriptor-shares.js';
import { RequestLife } from '../../broker/limit/request-life.js';
import { interleaveFamilies } from '../../broker/names/resolve.js';
import { connect } from '../../broker/request/dial.js';
import { ATTEMPT_DELAY_MS } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import { freePort, listenLow } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { until } from '../harness/until.js';

const addresses = (...texts: string[]): Address[] =>
  texts.map((text) => {
    const address = parseAddress(text);
    if (address === undefined) throw new Error(text);
    return address;
  });
const share = new DescriptorPool(1024).share();
const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('interleaveFamilies() alternates, IPv6 first, and keeps the order within a family', () => {
  const order = interleaveFamilies(
    addresses('192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1', '2001:db8::2'),
  );
  assert.deepEqual(
    order.map(({ text }) => text),
    ['2001:db8::1', '192.0.2.1', '2001:db8::2', '192.0.2.2', '192.0.2.3'],
  );
});

test('connect() goes on at once from an address that refuses to the next', async () => {
  // Nothing else listens at the same port of another address.
  const server = await listenLow('127.0.0.2');
  const before = descriptors();
  const times: number[] = [];
  // On a busy machine one may take longer. A connect that waits for its turn does so every time.
  do {
    const start = performance.now();
    const result = await connect(
      addresses('::1', '127.0.0.1', '127.0.0.2'),
      server.port,
      new RequestLife(5000),
      share,
    );
    times.push(performance.now() - start);
    assert.equal(result.outcome, 'connected');
    assert.equal(result.address?.text, '127.0.0.2');
    result.socket.close();
  } while (Math.min(...times) >= ATTEMPT_DELAY_MS && times.length < 5);
  assert.ok(Math.min(...times) < ATTEMPT_DELAY_MS, `took ${times} ms`);
  await server.close();
  await until(() => descriptors() < before || undefined);
});

test('connect() reports the most telling errno of several', async () => {
  const port = await freePort();
  const before = descriptors();
  // Class E is unroutable, loopback refuses.
  const result = await connect(addresses('255.255.255.255', '127.0.0.1'), port, new RequestLife(5000), share);
  assert.deepEqual(result, { outcome: 'refused', errno: 'ECONNREFUSED', address: addresses('127.0.0.1')[0] });
  assert.equal(descriptors(), before);
});

test('connect() does not begin for a request that has ended', async () => {
  const server = await listen();
  const life = new RequestLife(5000);
  life.end('canceled');
  const result = await connect(addresses('127.0.0.1'), server.port, life, share);
  assert.deepEqual(result, { outcome: 'canceled', errno: 'ECANCELED', address: undefined });
  assert.equal(await server.allConnections(), 0);
  await server.close();
});
