// The sockets by which names are asked for: each question has its own, its plugin's share holds them, and none outlives it.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { DescriptorPool } from '../../../broker/limit/descriptor-shares.js';
import { NameServers } from '../../../broker/names/name-servers.js';
import { RESERVED_DESCRIPTORS } from '../../../shared/limits.js';
import { until } from '../../harness/until.js';
import { type NameServer, startNameServer } from '../name-server.js';

const SERVERS = 3;
const QUESTIONS = 20;
const NAMES = Array.from({ length: QUESTIONS }, (_, number) => `n${number}.example.com`);
/** One for the first tries, and one for each server. */
const OF_ONE = 1 + SERVERS;
const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

/** Servers that never answer, and one that answers for `good.example.com` only. */
async function startServers(t: TestContext): Promise<readonly NameServer[]> {
  const zone = Object.fromEntries(NAMES.map((name) => [`${name} A`, null]));
  const servers: NameServer[] = [];
  for (let at = 0; at < SERVERS; at += 1)
    servers.push(await startNameServer({ ...zone, 'good.example.com A': ['192.0.2.7'] }));
  t.after(() => {
    for (const server of servers) server.close();
  });
  return servers;
}

// proves: a plugin's share of descriptors holds the sockets that ask DNS for it
// proves: no socket outlives the DNS question that it was made for
test('the share holds every socket of the questions that no server answers, and none outlives them', async (t) => {
  const names = new NameServers((await startServers(t)).map(({ address }) => address));
  const share = new DescriptorPool(RESERVED_DESCRIPTORS + 4 * OF_ONE * QUESTIONS).share();
  const before = openDescriptors();
  const answers = NAMES.map((name) => names.ask(name, 4, share));
  let most = 0;
  const look = setInterval(() => {
    const now = openDescriptors() - before;
    assert.ok(now <= share.held, `${now} sockets, and the share holds ${share.held}`);
    most = Math.max(most, now);
  }, 10);
  for (const answer of await Promise.all(answers)) assert.equal(answer?.kind, 'timeout');
  clearInterval(look);
  assert.ok(most >= SERVERS * QUESTIONS, `${most} sockets: every server is asked for every name`);
  assert.equal(share.held, 0);
  await until(() => openDescriptors() === before || undefined, 1_500);
});

// proves: a plugin's share of descriptors holds the sockets that ask DNS for it
test('a question for which the share has no room is not asked, and a neighbour asks the same servers', async (t) => {
  const servers = await startServers(t);
  const names = new NameServers(servers.map(({ address }) => address));
  // Half of a low limit is the broker's own.
  const pool = new DescriptorPool(2 * 3 * OF_ONE);
  const [hog, neighbour] = [pool.share(), pool.share()];
  const first = names.ask('n0.example.com', 4, hog);
  assert.ok(first instanceof Promise);
  assert.equal(names.ask('n1.example.com', 4, hog), undefined);
  const good = await names.ask('good.example.com', 4, neighbour);
  assert.equal(good?.kind, 'addresses');
  assert.deepEqual([hog.held, neighbour.held], [OF_ONE, 0]);
  assert.ok(servers.every(({ questions }) => !questions.includes('n1.example.com A')));
  for (const server of servers) server.deny('n0.example.com');
  assert.equal((await first)?.kind, 'nxdomain');
});

// proves: DNS questions at the same time have different source ports
test('questions at the same time have different source ports', async (t) => {
  const [server] = await startServers(t);
  assert.ok(server);
  const names = new NameServers([server.address]);
  const share = new DescriptorPool(RESERVED_DESCRIPTORS + 4 * OF_ONE * QUESTIONS).share();
  const answers = NAMES.map((name) => names.ask(name, 4, share));
  for (const name of NAMES) server.deny(name);
  await Promise.all(answers);
  assert.ok(server.ports.size >= QUESTIONS, `${server.ports.size} source ports`);
});
