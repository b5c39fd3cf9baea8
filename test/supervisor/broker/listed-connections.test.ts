// What the supervisor takes of a broker that lists connections, and was taken over.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BrokerLines, readBrokerLine } from '../../../sandbox/supervisor/broker/broker-lines.js';
import { queryConnections } from '../../../sandbox/supervisor/broker/query-broker.js';
import { KEPT_TEXT, LISTED_AT_ONCE } from '../../../shared/limits.js';
import type { OpenConnections } from '../../../shared/protocol/open-connections.js';
import { readableFolder } from '../../harness/users.js';

const ROW = {
  ...{ decision_id: 'a', plugin: 'web', pid: 5, program: 'curl', host: 'example.com', port: 443 },
  ...{ dialed: '192.0.2.1', rule: 'example.com', door: 'trap', age_ms: 1 },
  ...{ sent_bytes: 2, received_bytes: 3, rtt_ms: 4.5 },
};
const NULLS = [
  'decision_id',
  'pid',
  'program',
  'host',
  'port',
  'rule',
  'door',
  'sent_bytes',
  'received_bytes',
  'rtt_ms',
];
const line = (more: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({ type: 'connections', id: 1, connections: [ROW], more: 0, last: true, ...more });
const row = (more: Readonly<Record<string, unknown>>): string => line({ connections: [{ ...ROW, ...more }] });

test('a list of connections is read as the broker writes it', () => {
  assert.deepEqual(readBrokerLine(line()), JSON.parse(line()));
  const unknown = Object.fromEntries(NULLS.map((key) => [key, null]));
  assert.deepEqual(readBrokerLine(row(unknown)), JSON.parse(row(unknown)));
  assert.deepEqual(readBrokerLine(row({ extra: 'x' })), JSON.parse(line()));
});

test('a list with a value of another type, out of its bounds or missing is no list', () => {
  for (const key of Object.keys(ROW))
    for (const value of [undefined, {}, [], true, key.length, -1, 1.5, 'x'.repeat(KEPT_TEXT + 1)]) {
      const isNumber = typeof ROW[key as keyof typeof ROW] === 'number';
      const isFit = (isNumber && value === key.length) || (key === 'rtt_ms' && value === 1.5);
      if (!isFit) assert.equal(readBrokerLine(row({ [key]: value })), undefined, `${key} ${String(value)}`);
    }
  for (const key of Object.keys(ROW).filter((name) => !NULLS.includes(name)))
    assert.equal(readBrokerLine(row({ [key]: null })), undefined, key);
  assert.equal(readBrokerLine(row({ port: 65_536 })), undefined);
  assert.equal(readBrokerLine(row({ door: 'window' })), undefined);
  assert.equal(readBrokerLine(line().replace('"age_ms":1', '"age_ms":1e999')), undefined);
  for (const connections of [undefined, null, {}, 'x', [5], [null], Array(LISTED_AT_ONCE + 1).fill(ROW)])
    assert.equal(readBrokerLine(line({ connections })), undefined);
  for (const more of [undefined, -1, 'x', 1.5]) assert.equal(readBrokerLine(line({ more })), undefined);
});

/** Asks for two connections of `web` or of all, and answers with these lines. */
async function ask(
  t: TestContext,
  plugin: string | undefined,
  ...answers: string[]
): Promise<OpenConnections> {
  const path = join(readableFolder(), 'lines.sock');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const stream = createConnection(path);
  const [broker] = await connected;
  t.after(() => {
    for (const socket of [stream, broker]) socket.destroy();
    server.close();
  });
  broker.on('data', () => broker.write(`${answers.join('\n')}\n`));
  const known = new Set(['web', 'web.gateway', 'other']);
  return queryConnections(new BrokerLines(stream, stream, () => {}), { plugin, most: 2 }, known);
}

test('the parts of an answer are joined, and other lines are left out', async (t) => {
  const parts = [line({ last: false }), line({ id: 2 }), row({ pid: 'x' }), line({ more: 7 })];
  assert.deepEqual(await ask(t, 'web', ...parts), { connections: [ROW, ROW], more: 7 });
});

test('a connection of a gateway is one of its plugin', async (t) => {
  const answer = row({ plugin: 'web.gateway', door: 'channel' });
  for (const plugin of ['web', undefined])
    assert.deepEqual((await ask(t, plugin, answer)).connections, [{ ...ROW, door: 'gateway' }]);
});

// proves: list: a broker lists no more connections than it was asked for
test('a broker that lists more connections than it was asked for is refused', async (t) => {
  const parts = [line({ last: false }), line({ last: false }), line()];
  await assert.rejects(ask(t, undefined, ...parts), { code: 'broker_failed', message: /more connections/ });
});

// proves: list: a broker lists no connection of another plugin
test('a broker that lists a connection of another plugin is refused', async (t) => {
  const refused = { code: 'broker_failed', message: /other plugins/ };
  await assert.rejects(ask(t, 'web', row({ plugin: 'other' })), refused);
  await assert.rejects(ask(t, 'web', row({ plugin: 'other.gateway' })), refused);
  await assert.rejects(ask(t, undefined, row({ plugin: 'nobody' })), refused);
  assert.equal((await ask(t, undefined, row({ plugin: 'other' }))).connections.length, 1);
});
