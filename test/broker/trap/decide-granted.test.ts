import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Grants } from '../../../broker/dns/grants.js';
import { RequestLife } from '../../../broker/limit/request-life.js';
import type { Judgement } from '../../../broker/request/judgement.js';
import { decideGranted } from '../../../broker/trap/decide-granted.js';
import { MIN_GRANT_MS } from '../../../shared/limits.js';
import { addressOf } from '../../policy/rules.js';
import { type DnsServerOptions, startDnsServer, type TestDnsServer } from '../start-dns-server.js';

const PUBLIC = '192.31.196.1';

interface Granted extends TestDnsServer {
  readonly grant: (text: string, ...names: readonly string[]) => void;
  readonly pass: (ms: number) => void;
  readonly decide: (destination: string, life?: RequestLife) => Promise<Judgement>;
}

async function given(options: DnsServerOptions): Promise<Granted> {
  let now = 0;
  const grants = new Grants(() => now);
  const dns = await startDnsServer({ allow: [], ...options });
  return Object.assign(dns, {
    grant: (text: string, ...names: readonly string[]): void => {
      for (const name of names) grants.add(addressOf(text), name, 60);
    },
    pass: (ms: number): void => {
      now += ms;
    },
    decide: async (destination: string, life = new RequestLife(5_000)): Promise<Judgement> => {
      const [host = '', port] = destination.split(' ');
      const wanted = { address: addressOf(host), port: Number(port) };
      try {
        return await decideGranted(dns.services, dns.plugin, grants, wanted, life);
      } finally {
        life.settle();
      }
    },
  });
}

/** `allow rule HOST -> ADDRESS`, `deny no_rule HOST` */
function inShort({ decision: { decision, reason, host, dial } }: Judgement): string {
  const to = dial.map(({ text }) => ` -> ${text}`).join('');
  return `${decision} ${reason} ${host}${to}`;
}

async function check(
  options: DnsServerOptions,
  grants: Readonly<Record<string, readonly string[]>>,
  expected: Readonly<Record<string, string>>,
): Promise<void> {
  const dns = await given(options);
  try {
    for (const [text, names] of Object.entries(grants)) dns.grant(text, ...names);
    for (const [destination, decision] of Object.entries(expected))
      assert.equal(inShort(await dns.decide(destination)), decision, destination);
    assert.deepEqual(dns.server.questions, []);
  } finally {
    dns.close();
  }
}

test('an address that was granted is allowed on the ports of its name, and on no other', () =>
  check(
    { allow: ['a.test:443,8443'] },
    { [PUBLIC]: ['a.test'] },
    {
      [`${PUBLIC} 443`]: `allow rule a.test -> ${PUBLIC}`,
      [`${PUBLIC} 8443`]: `allow rule a.test -> ${PUBLIC}`,
      [`${PUBLIC} 80`]: 'deny port_not_allowed a.test',
    },
  ));

// proves: a literal that no rule covers is denied
test('an address without a grant is judged as a literal', () =>
  check(
    { allow: ['a.test', '192.31.196.9'] },
    { [PUBLIC]: ['a.test'] },
    {
      '192.31.196.2 443': 'deny no_rule 192.31.196.2',
      '192.31.196.9 443': 'allow rule 192.31.196.9 -> 192.31.196.9',
    },
  ));

test('one granted name that is allowed is enough, whatever is denied for another', () =>
  check(
    { allow: ['a.test', 'b.test:80'], deny: ['c.test'] },
    { [PUBLIC]: ['a.test', 'b.test', 'c.test'] },
    {
      [`${PUBLIC} 443`]: `allow rule a.test -> ${PUBLIC}`,
      [`${PUBLIC} 80`]: `allow rule b.test -> ${PUBLIC}`,
      [`${PUBLIC} 22`]: 'deny denied_by_rule c.test',
    },
  ));

test('a deny rule on the address wins over every grant', () =>
  check(
    { allow: ['a.test'], deny: [`${PUBLIC}/32:443`] },
    { [PUBLIC]: ['a.test'] },
    {
      [`${PUBLIC} 443`]: `deny denied_by_rule ${PUBLIC}`,
    },
  ));

test('a grant does not open a special address on a port that no rule opens', () =>
  check(
    { allow: ['a.test:1-6000', '10.1.2.3:5432'] },
    { '10.1.2.3': ['a.test'], '127.0.0.1': ['a.test'] },
    {
      '10.1.2.3 5432': 'allow rule a.test -> 10.1.2.3',
      '10.1.2.3 443': 'deny address_special a.test',
      '127.0.0.1 443': 'deny address_special a.test',
    },
  ));

test('a rule for the address opens what the names do not', () =>
  check(
    { allow: ['a.test', `${PUBLIC}:22`] },
    { [PUBLIC]: ['a.test'] },
    {
      [`${PUBLIC} 22`]: `allow rule ${PUBLIC} -> ${PUBLIC}`,
    },
  ));

test('a grant counts by the rules in force when it is used', async (t) => {
  const dns = await given({ allow: ['a.test'] });
  t.after(dns.close);
  dns.grant(PUBLIC, 'a.test');
  dns.rules({ allow: ['b.test'] });
  assert.equal(inShort(await dns.decide(`${PUBLIC} 443`)), 'deny no_rule a.test');
  dns.plugin.policy = undefined;
  assert.equal(inShort(await dns.decide(`${PUBLIC} 443`)), `deny policy_unavailable ${PUBLIC}`);
});

test('in audit mode a granted name that no rule allows is let through, and reported', () =>
  check(
    { mode: 'audit', allow: ['b.test'], deny: ['192.31.196.2'] },
    { [PUBLIC]: ['a.test'], '192.31.196.2': ['a.test'] },
    {
      [`${PUBLIC} 443`]: `would_deny no_rule a.test -> ${PUBLIC}`,
      '192.31.196.2 443': 'deny denied_by_rule 192.31.196.2',
    },
  ));

// proves: a stale grant does not count
test('a stale grant is checked again: its name still has the address, or the reason is stale_grant', async (t) => {
  const dns = await given({ allow: ['a.test'], zone: { 'a.test A': [PUBLIC] } });
  t.after(dns.close);
  for (const text of [PUBLIC, '192.31.196.2']) dns.grant(text, 'a.test');
  dns.pass(MIN_GRANT_MS);
  assert.equal(inShort(await dns.decide(`${PUBLIC} 443`)), `allow rule a.test -> ${PUBLIC}`);
  // On a busy machine a question may be asked again.
  const asked = dns.server.questions.length;
  assert.deepEqual([...new Set(dns.server.questions)], ['a.test A']);
  assert.equal(inShort(await dns.decide('192.31.196.2 443')), 'deny stale_grant a.test');
  dns.pass(1);
  assert.equal(
    inShort(await dns.decide(`${PUBLIC} 443`)),
    `allow rule a.test -> ${PUBLIC}`,
    'it is fresh again',
  );
  assert.equal(dns.server.questions.length, asked);
  assert.equal(dns.plugin.questions.count, 0);
});

// proves: a stale grant does not count
test('no server is asked about a stale grant that would not help, or is not needed', async (t) => {
  const dns = await given({ allow: ['a.test', 'b.test', '192.31.196.3'], deny: ['192.31.196.4'] });
  t.after(dns.close);
  for (const text of [PUBLIC, '192.31.196.3', '192.31.196.4']) dns.grant(text, 'a.test');
  dns.pass(MIN_GRANT_MS);
  dns.grant(PUBLIC, 'b.test');
  assert.equal(inShort(await dns.decide(`${PUBLIC} 443`)), `allow rule b.test -> ${PUBLIC}`);
  assert.equal(inShort(await dns.decide('192.31.196.3 443')), 'allow rule 192.31.196.3 -> 192.31.196.3');
  assert.equal(inShort(await dns.decide('192.31.196.3 80')), 'deny port_not_allowed a.test');
  assert.equal(inShort(await dns.decide('192.31.196.4 443')), 'deny denied_by_rule 192.31.196.4');
  assert.deepEqual(dns.server.questions, []);
});

// proves: a stale grant does not count
test('a stale grant stays stale if no server answers within the request', async (t) => {
  const dns = await given({ allow: ['a.test'], zone: { 'a.test A': null } });
  t.after(dns.close);
  dns.grant(PUBLIC, 'a.test');
  dns.pass(MIN_GRANT_MS);
  const patient = new RequestLife(60_000);
  const waiting = dns.decide(`${PUBLIC} 443`, patient);
  const short = dns.decide(`${PUBLIC} 443`, new RequestLife(50));
  assert.equal(await Promise.race([short.then(() => 'short'), waiting.then(() => 'patient')]), 'short');
  assert.equal(inShort(await short), 'deny stale_grant a.test');
  patient.end('canceled');
  await waiting;
});
