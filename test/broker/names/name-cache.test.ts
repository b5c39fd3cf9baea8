import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostsFile } from '../../../broker/names/hosts-file.js';
import { NameCache } from '../../../broker/names/name-cache.js';
import { type FamilyAnswer, NameServers } from '../../../broker/names/name-servers.js';
import { NameResolver } from '../../../broker/names/resolve.js';
import {
  CACHED_ANSWERS,
  FAILURE_TTL_S,
  MAX_TTL_S,
  NO_DATA_TTL_S,
  NO_NAME_TTL_S,
} from '../../../shared/limits.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { startNameServer } from '../name-server.js';
import { ask, resolve, resolveFamily } from './ask.js';

const ADDRESS = [parseAddress('192.31.196.1')].filter((address) => address !== undefined);
const found = (ttl: number): FamilyAnswer => ({ kind: 'addresses', addresses: ADDRESS, ttl });

function clocked(say: (name: string, family: 4 | 6) => FamilyAnswer): {
  cache: NameCache;
  asked: string[];
  pass: (seconds: number) => void;
} {
  let now = 1000;
  const asked: string[] = [];
  const source = {
    servers: [],
    ask: async (name: string, family: 4 | 6): Promise<FamilyAnswer> => {
      asked.push(`${name} ${family}`);
      await new Promise((resolve) => setImmediate(resolve));
      return say(name, family);
    },
  };
  const cache = new NameCache(source, () => now);
  return { cache, asked, pass: (seconds) => (now += seconds * 1000) };
}

test('an answer is kept for its TTL, comes with the TTL that is left, and is asked for again after that', async () => {
  const { cache, asked, pass } = clocked(() => found(60));
  assert.deepEqual(await ask(cache, 'a.test', 4), found(60));
  pass(59);
  assert.deepEqual(ask(cache, 'a.test', 4), found(1), 'at once');
  pass(1);
  assert.ok(ask(cache, 'a.test', 4) instanceof Promise);
  assert.equal(asked.length, 2);
});

test('what is known for now is told without a question', async () => {
  const { cache, asked, pass } = clocked((_, family) => (family === 4 ? found(60) : { kind: 'nodata' }));
  const resolver = new NameResolver(new HostsFile('/dev/null'), cache);
  assert.deepEqual(resolver.known('a.test'), []);
  assert.deepEqual(asked, []);
  await resolve(resolver, 'a.test');
  pass(59);
  assert.deepEqual(resolver.known('a.test'), ADDRESS);
  pass(1);
  assert.deepEqual(resolver.known('a.test'), []);
  assert.equal(asked.length, 2);
});

test('families and names are apart', async () => {
  const { cache, asked } = clocked((_, family) => (family === 4 ? found(60) : { kind: 'nodata' }));
  assert.deepEqual(await ask(cache, 'a.test', 4), found(60));
  assert.deepEqual(await ask(cache, 'a.test', 6), { kind: 'nodata' });
  await ask(cache, 'b.test', 4);
  assert.deepEqual(asked, ['a.test 4', 'a.test 6', 'b.test 4']);
});

test('a TTL is bounded on both sides', async () => {
  const { cache } = clocked((name) => found(name === 'zero.test' ? 0 : 4_000_000));
  assert.deepEqual(await ask(cache, 'zero.test', 4), found(1));
  assert.deepEqual(await ask(cache, 'long.test', 4), found(MAX_TTL_S));
});

test('a missing name is kept for a short time, a failure for a shorter one', async () => {
  for (const [kind, seconds] of [
    ['nodata', NO_DATA_TTL_S],
    ['nxdomain', NO_NAME_TTL_S],
    ['servfail', FAILURE_TTL_S],
    ['timeout', FAILURE_TTL_S],
  ] as const) {
    const { cache, asked, pass } = clocked(() => ({ kind }));
    await ask(cache, 'a.test', 4);
    pass(seconds - 0.001);
    assert.deepEqual(ask(cache, 'a.test', 4), { kind });
    pass(0.001);
    await ask(cache, 'a.test', 4);
    assert.equal(asked.length, 2, kind);
  }
});

test('equal questions in flight are one', async () => {
  const { cache, asked } = clocked(() => found(60));
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(cache, 'a.test', 4)));
  assert.equal(asked.length, 1);
  assert.ok(answers.every((answer) => answer.kind === 'addresses'));
});

test('the answer that was used least recently makes room', async () => {
  const { cache, asked } = clocked(() => found(60));
  for (let index = 0; index < CACHED_ANSWERS; index += 1) await ask(cache, `n${index}.test`, 4);
  ask(cache, 'n0.test', 4);
  await ask(cache, 'more.test', 4);
  assert.equal(asked.length, CACHED_ANSWERS + 1);
  assert.ok(!(ask(cache, 'n0.test', 4) instanceof Promise));
  assert.ok(ask(cache, 'n1.test', 4) instanceof Promise);
});

test('a resolver with a cache asks each server once, and from then on answers at once', async () => {
  const server = await startNameServer({ 'a.test A': ['192.31.196.1'], 'a.test AAAA': ['2001:4:112::1'] });
  const cache = new NameCache(new NameServers([server.address]));
  const resolver = new NameResolver(new HostsFile('/nonexistent'), cache);
  const first = await resolve(resolver, 'a.test');
  assert.equal(first.asked, true);
  const asked = server.questions.length;
  const second = resolve(resolver, 'a.test');
  assert.ok(!(second instanceof Promise));
  assert.deepEqual([second.addresses, second.asked], [first.addresses, false]);
  const family = resolveFamily(resolver, 'a.test', 6);
  assert.ok(!(family instanceof Promise) && family.kind === 'addresses');
  assert.deepEqual(
    family.addresses.map(({ text }) => text),
    ['2001:4:112::1'],
  );
  assert.ok(family.ttl > 50 && family.ttl <= 60, `${family.ttl}`);
  assert.equal(server.questions.length, asked);
  assert.equal(new Set(server.questions).size, 2);
  server.close();
});

test('a missing name and one without addresses of a family are different answers', async () => {
  const server = await startNameServer({ 'four.test A': ['192.31.196.1'], 'four.test AAAA': [] });
  const resolver = new NameResolver(
    new HostsFile('/nonexistent'),
    new NameCache(new NameServers([server.address])),
  );
  assert.deepEqual(await resolveFamily(resolver, 'four.test', 6), { kind: 'nodata' });
  assert.deepEqual(await resolveFamily(resolver, 'gone.test', 6), { kind: 'nxdomain' });
  server.close();
});
