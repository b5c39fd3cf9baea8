// proves: G6
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HostsFile, parseHosts } from '../../../broker/names/hosts-file.js';
import { NameServers } from '../../../broker/names/name-servers.js';
import { NameResolver, type Resolution } from '../../../broker/names/resolve.js';
import { DNS_ANSWERS } from '../../../shared/limits.js';
import { startNameServer, type Zone } from '../name-server.js';
import { resolve } from './ask.js';

const NO_HOSTS = new HostsFile('/nonexistent');

interface Asked {
  readonly resolution: Resolution;
  readonly questions: readonly string[];
  readonly milliseconds: number;
}

/** Resolves a name against one server. */
async function ask(name: string, zone: Zone, delayMs: Readonly<Record<string, number>> = {}): Promise<Asked> {
  const server = await startNameServer(zone, delayMs);
  const resolver = new NameResolver(NO_HOSTS, new NameServers([server.address]));
  const start = performance.now();
  const resolution = await resolve(resolver, name);
  server.close();
  return { resolution, questions: server.questions, milliseconds: performance.now() - start };
}

const texts = ({ addresses }: Resolution): string[] => addresses.map(({ text }) => text);

test('A and AAAA are asked for at once, as absolute names, and IPv6 comes first in turn', async () => {
  const { resolution, questions } = await ask('two.test', {
    'two.test A': ['192.0.2.1', '192.0.2.2'],
    'two.test AAAA': ['2001:db8::1'],
  });
  assert.deepEqual([...questions].sort(), ['two.test A', 'two.test AAAA']);
  assert.deepEqual(texts(resolution), ['2001:db8::1', '192.0.2.1', '192.0.2.2']);
  assert.equal(resolution.asked, true);
});

test('localhost and names below it are loopback, and no server is asked', async () => {
  for (const name of ['localhost', 'db.localhost']) {
    const { resolution, questions } = await ask(name, { [`${name} A`]: ['192.0.2.1'] });
    assert.deepEqual(texts(resolution), ['::1', '127.0.0.1']);
    assert.equal(resolution.asked, false);
    assert.deepEqual(questions, []);
  }
});

test('a name without addresses is nxdomain, whether the name or only its addresses are missing', async () => {
  for (const zone of [{}, { 'gone.test A': [], 'gone.test AAAA': [] }]) {
    const { resolution } = await ask('gone.test', zone);
    assert.equal(resolution.result, 'nxdomain');
    assert.deepEqual(resolution.addresses, []);
  }
});

test('a server failure for one family counts, even if the other has no address', async () => {
  const { resolution } = await ask('half.test', { 'half.test A': [], 'half.test AAAA': 'SERVFAIL' });
  assert.equal(resolution.result, 'servfail');
});

test('with IPv4 there, a server that never answers AAAA costs the resolution delay and no more', async () => {
  const times: number[] = [];
  // On a busy machine one may take longer. What waits for the server does so every time.
  do {
    const { resolution, milliseconds } = await ask('mute6.test', {
      'mute6.test A': ['192.0.2.1'],
      'mute6.test AAAA': null,
    });
    assert.deepEqual(texts(resolution), ['192.0.2.1']);
    times.push(milliseconds);
  } while (Math.min(...times) >= 400 && times.length < 5);
  const quickest = Math.min(...times);
  assert.ok(quickest > 40 && quickest < 400, `took ${times} ms`);
});

test('with IPv6 there, IPv4 is waited for', async () => {
  const zone = { 'slow4.test A': ['192.0.2.1'], 'slow4.test AAAA': ['2001:db8::1'] };
  const { resolution } = await ask('slow4.test', zone, { 'slow4.test A': 150 });
  assert.deepEqual(texts(resolution), ['2001:db8::1', '192.0.2.1']);
});

test('answers are capped', async () => {
  const many = Array.from({ length: 200 }, (_, index) => `192.0.2.${index}`);
  const { resolution } = await ask('many.test', { 'many.test A': many, 'many.test AAAA': [] });
  assert.equal(resolution.addresses.length, DNS_ANSWERS);
});

test('an IPv4 address in an AAAA record is none', async () => {
  const { resolution } = await ask('mapped.test', {
    'mapped.test A': ['192.0.2.2'],
    'mapped.test AAAA': ['::ffff:c000:201'],
  });
  assert.deepEqual(texts(resolution), ['192.0.2.2']);
});

test('equal questions in flight are one', async (t) => {
  const server = await startNameServer(
    { 'join.test A': ['192.0.2.1'], 'join.test AAAA': [] },
    { 'join.test A': 30 },
  );
  t.after(() => server.close());
  const resolver = new NameResolver(NO_HOSTS, new NameServers([server.address]));
  const answers = await Promise.all(Array.from({ length: 10 }, () => resolve(resolver, 'join.test')));
  // On a busy machine a question may be asked again. Without joining there would be twenty.
  const asked = server.questions.length;
  assert.ok(asked >= 2 && asked < 10, `${asked} questions`);
  assert.ok(answers.every((answer) => texts(answer)[0] === '192.0.2.1'));
  await resolve(resolver, 'join.test');
  assert.ok(server.questions.length > asked, 'an answer is not kept');
});

test('parseHosts() reads addresses with their names and skips other lines', () => {
  const names = parseHosts(
    ['# c', '192.0.2.7 Db.Test  db # x', '::ffff:192.0.2.9 db', 'fe80::1%eth0 zone', '127.1 bad', 'x'].join(
      '\n',
    ),
  );
  const of = (name: string): string[] | undefined => names.get(name)?.map(({ text }) => text);
  assert.deepEqual(of('db.test'), ['192.0.2.7']);
  assert.deepEqual(of('db'), ['192.0.2.7', '192.0.2.9']);
  assert.equal(of('zone'), undefined);
  assert.equal(of('bad'), undefined);
});

test('the hosts file comes before DNS and is read again when it has changed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-hosts-'));
  const path = join(folder, 'hosts');
  writeFileSync(path, '192.0.2.7 db.test\n');
  const server = await startNameServer({});
  const resolver = new NameResolver(new HostsFile(path), new NameServers([server.address]));
  assert.deepEqual(texts(await resolve(resolver, 'db.test')), ['192.0.2.7']);
  writeFileSync(path, '192.0.2.8 db.test\n');
  utimesSync(path, 1, 1);
  assert.deepEqual(texts(await resolve(resolver, 'db.test')), ['192.0.2.8']);
  writeFileSync(path, '');
  assert.deepEqual(server.questions, []);
  assert.equal((await resolve(resolver, 'db.test')).result, 'nxdomain');
  server.close();
  rmSync(folder, { recursive: true });
});
