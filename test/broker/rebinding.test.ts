// A permitted name with a hostile DNS server leads to no address that its rule does not open.
// proves: G6
// proves: G7
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MIN_TTL_S } from '../../shared/limits.js';
import { type Listener, listen } from '../harness/listener.js';
import { type HostileDnsServer, type HostileRecord, startHostileDnsServer } from './hostile-dns-server.js';
import { startBroker, type TestBroker } from './start-broker.js';
import type { TestChannel } from './test-channel.js';

/** Special: closed to names. */
const HOST = '127.0.0.1';
/** A rule opens it to its name. */
const OPEN = '127.0.0.2';

const a = (owner: string, data: string): HostileRecord => ({ owner, type: 'A', data });
const alias = (owner: string, data: string): HostileRecord => ({ owner, type: 'CNAME', data });

/** The server's answers for each name, in turn. */
const SAYS: Readonly<Record<string, readonly (readonly HostileRecord[])[]>> = {
  'turns.test': [[a('turns.test', OPEN)], [a('turns.test', HOST)]],
  'both.test': [[a('both.test', HOST), a('both.test', OPEN)]],
  'chain.test': [[alias('chain.test', 'one.test'), alias('one.test', 'localhost'), a('localhost', HOST)]],
  'loop.test': [[alias('loop.test', 'loop.test'), a('loop.test', HOST)]],
  'other.test': [[a('victim.test', HOST), a('localhost', HOST), a('other.test', HOST)]],
  'victim.test': [[a('victim.test', OPEN)]],
  'mapped.test': [
    [a('mapped.test', '0.0.0.0'), a('mapped.test', '169.254.169.254'), a('mapped.test', '10.0.0.1')],
  ],
};

let dns: HostileDnsServer;
let broker: TestBroker;
let host: Listener;
let open: Listener;
before(async () => {
  dns = await startHostileDnsServer((name, count) => {
    const turns = SAYS[name] ?? [[]];
    return turns[Math.min(count, turns.length - 1)] ?? [];
  });
  broker = await startBroker({ dnsServers: [dns.address] });
  host = await listen();
  open = await listen((socket) => socket.end('open'), OPEN);
});
after(async () => {
  await broker.stop();
  dns.close();
  await Promise.all([host.close(), open.close()]);
});

async function reach(channel: TestChannel, name: string, port: number): Promise<void> {
  const { descriptor } = await channel.connect(name, port);
  assert.notEqual(descriptor, undefined);
  descriptor?.close();
}

test('a name with another answer the second time is judged by that answer', async () => {
  await broker.plugin('turns', { allow: ['turns.test:*', `${OPEN}:*`] });
  const channel = await broker.channel('turns');
  await reach(channel, 'turns.test', open.port);
  await new Promise((resolve) => setTimeout(resolve, MIN_TTL_S * 1000 + 50));
  assert.equal((await channel.refusal('turns.test', host.port)).reason, 'address_refused');
  assert.deepEqual(dns.asked.filter((name) => name === 'turns.test').length, 2);
  assert.equal(await host.allConnections(), 0);
});

test('of two addresses the one that no rule opens is not dialled, even if the other refuses', async () => {
  await broker.plugin('both', { allow: ['both.test:*', `${OPEN}:*`] });
  const channel = await broker.channel('both');
  assert.equal((await channel.refusal('both.test', host.port)).errno, 'ECONNREFUSED');
  assert.equal(await host.allConnections(), 0);
});

for (const name of ['chain.test', 'loop.test', 'mapped.test']) {
  test(`${name}: whatever chain leads there, a special address is closed`, async () => {
    await broker.plugin(name, { allow: [`${name}:*`] });
    const channel = await broker.channel(name);
    const { reason } = await channel.refusal(name, host.port);
    assert.ok(['address_refused', 'dns_error'].includes(String(reason)), String(reason));
    assert.equal(await host.allConnections(), 0);
  });
}

test('an answer for one name opens nothing for another', async () => {
  await broker.plugin('poison', { allow: ['other.test:*', 'victim.test:*', `${OPEN}:*`] });
  const channel = await broker.channel('poison');
  await channel.refusal('other.test', host.port);
  await reach(channel, 'victim.test', open.port);
  assert.ok(dns.asked.includes('victim.test'), 'it is asked for itself');
  assert.equal(await host.allConnections(), 0);
});

test('the same chains lead to the host once a rule opens its address', async () => {
  await broker.plugin('opened', { allow: ['chain.test:*', 'both.test:*', `${HOST}:*`] });
  const channel = await broker.channel('opened');
  await reach(channel, 'both.test', host.port);
  assert.equal(await host.allConnections(), 1);
});
