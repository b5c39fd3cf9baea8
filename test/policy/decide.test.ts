import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, judgeBare, judgeRequest } from '../../shared/policy/decide.js';
import type { Decision } from '../../shared/policy/decision.js';
import { type HostContext, OwnAddresses } from '../../shared/policy/host-block.js';
import { addressOf, ask, ELSEWHERE, inShort, policyOf } from './rules.js';

const PUBLIC = ['93.184.216.34'];

test('decide() allows a name by its rule, and denies one that only shares a suffix', () => {
  const policy = policyOf(['example.com', '*.example.org']);
  assert.equal(inShort(ask(policy, 'example.com 443', PUBLIC)), 'allow rule 93.184.216.34');
  assert.equal(inShort(ask(policy, 'a.b.example.org 443', PUBLIC)), 'allow rule 93.184.216.34');
  for (const host of ['notexample.com', 'com', 'example.org', 'aexample.org', 'example.org.example']) {
    assert.equal(inShort(ask(policy, `${host} 443`, PUBLIC)), 'deny no_rule', host);
  }
});

test('a name that is denied, not covered or on another port never reaches a resolver, and one that is does', () => {
  const policy = policyOf(['*.example.com'], ['evil.example.com']);
  const settled = (host: string, port: number) => judgeRequest(policy, { host, port }, ELSEWHERE).kind;
  assert.equal(settled('evil.example.com', 443), 'settled');
  assert.equal(settled('secret.example.org', 443), 'settled');
  assert.equal(settled('a.example.com', 22), 'settled');
  assert.equal(settled('A.Example.com.', 443), 'resolve');
});

test('the message tells the cause, and names host and port', () => {
  const policy = policyOf(['api.example.com', '0.0.0.0/0'], ['evil.example.com', '1.1.1.0/24']);
  const messages: [string, readonly string[], string][] = [
    ['api.example.com 8443', [], 'Cannot connect to "api.example.com:8443": no rule allows port 8443'],
    ['b.example.com 443', [], 'Cannot connect to "b.example.com:443": no rule allows "b.example.com"'],
    [
      'evil.example.com 443',
      [],
      'Cannot connect to "evil.example.com:443": deny rule "evil.example.com" covers it',
    ],
    ['api.example.com 443', [], 'Cannot connect to "api.example.com:443": the name has no address'],
    [
      'api.example.com 443',
      ['10.1.2.3'],
      'Cannot connect to "api.example.com:443": 10.1.2.3 is a private address, which no rule opens',
    ],
    [
      'api.example.com 443',
      ['1.1.1.1'],
      'Cannot connect to "api.example.com:443": deny rule "1.1.1.0/24" covers its address 1.1.1.1',
    ],
    ['a\nb 443', [], 'Cannot connect to "a\\nb:443": the host is neither a name nor an address'],
    ['[::1 443', [], 'Cannot connect to "[::1:443": the host is neither a name nor an address'],
    ['::1 0', [], 'Cannot connect to "[::1]:0": the port is not a whole number from 1 to 65535'],
  ];
  for (const [destination, resolved, message] of messages) {
    assert.equal(ask(policy, destination, resolved).message, message);
  }
});

test('the rule that decides is the most specific one, in whatever order they stand', () => {
  const rules = [
    '*',
    '**.example.com',
    '*.example.com',
    'a.example.com',
    '*.a.example.com',
    'a.example.com:*',
  ];
  for (const allow of [rules, rules.toReversed()]) {
    const policy = policyOf(allow);
    assert.equal(ask(policy, 'a.example.com 443', PUBLIC).rule, 'a.example.com');
    assert.equal(ask(policy, 'b.a.example.com 443', PUBLIC).rule, '*.a.example.com');
    assert.equal(ask(policy, 'b.example.com 443', PUBLIC).rule, '**.example.com');
    assert.equal(ask(policy, 'example.com 443', PUBLIC).rule, '**.example.com');
    assert.equal(ask(policy, 'example.org 443', PUBLIC).rule, '*');
  }
  const addresses = ['0.0.0.0/0', '8.8.0.0/16', '8.8.8.8', '@public'];
  for (const allow of [addresses, addresses.toReversed()]) {
    assert.equal(ask(policyOf(allow), '8.8.8.8 443').rule, '8.8.8.8');
    assert.equal(ask(policyOf(allow), '8.8.4.4 443').rule, '8.8.0.0/16');
  }
});

test('of many rules for one name the one on the port is found, and none on a port between them', () => {
  const allow = Array.from({ length: 100 }, (_, n) => `example.com:${n * 10 + 1}-${n * 10 + 5}`);
  allow.push('example.com:500-60000', 'example.com:3,7');
  const policy = policyOf(allow);
  for (const port of [1, 5, 7, 31, 499, 500, 506, 1009, 60_000]) {
    const { decision, rule } = ask(policy, `example.com ${port}`, PUBLIC);
    const covering = allow.filter((text) => policyHolds(text, port)).toSorted();
    assert.equal(rule, covering[0], String(port));
    assert.equal(decision, covering.length > 0 ? 'allow' : 'deny', String(port));
  }
  assert.equal(ask(policy, 'example.com 60001', PUBLIC).reason, 'port_not_allowed');
});

function policyHolds(rule: string, port: number): boolean {
  return ask(policyOf([rule]), `example.com ${port}`, PUBLIC).decision === 'allow';
}

// proves: a literal that no rule covers is denied
test('an address rule admits no name, and a name rule no literal', () => {
  assert.equal(
    inShort(ask(policyOf(['93.184.216.34', '@public']), 'example.com 443', PUBLIC)),
    'deny no_rule',
  );
  assert.equal(inShort(ask(policyOf(['example.com', '*']), '93.184.216.34 443')), 'deny no_rule');
});

test('of a name with allowed, denied and special addresses only the allowed are dialled, in their order', () => {
  const resolved = ['10.0.0.1', '9.9.9.9', '1.1.1.1', '169.254.169.254', '8.8.8.8'];
  const decision = ask(policyOf(['example.com', '0.0.0.0/0'], ['1.1.1.0/24']), 'example.com 443', resolved);
  assert.equal(inShort(decision), 'allow rule 9.9.9.9 8.8.8.8');
  assert.deepEqual(
    decision.dropped.map((drop) => [drop.address.text, drop.class, drop.reason, drop.rule]),
    [
      ['10.0.0.1', 'private', 'address_special', undefined],
      ['1.1.1.1', 'public', 'address_denied', '1.1.1.0/24'],
      ['169.254.169.254', 'metadata', 'address_special', undefined],
    ],
  );
});

test('where every address is refused a denied one gives the reason, in whatever order they come', () => {
  const policy = policyOf(['example.com'], ['1.1.1.1']);
  for (const resolved of [
    ['10.0.0.1', '1.1.1.1'],
    ['1.1.1.1', '10.0.0.1'],
  ]) {
    const decision = ask(policy, 'example.com 443', resolved);
    assert.equal(inShort(decision), 'deny address_denied');
    assert.equal(decision.suggestion, undefined);
  }
  const special = ask(policy, 'example.com 443', ['10.0.0.1']);
  assert.equal(inShort(special), 'deny address_special');
  assert.equal(special.suggestion, '10.0.0.1:443');
});

// proves: deny: a class is denied with the blocks inside its own
test('a denial by a class holds for every block inside one of its blocks', () => {
  assert.equal(inShort(ask(policyOf(['@private:80'], ['@private']), '10.0.0.1 80')), 'deny denied_by_rule');
  assert.equal(
    inShort(ask(policyOf(['169.254.169.254:80'], ['@metadata']), '169.254.169.254 80')),
    'deny denied_by_rule',
  );
  assert.equal(
    inShort(ask(policyOf(['169.254.169.254:80'], ['@linklocal']), '169.254.169.254 80')),
    'deny denied_by_rule',
  );
  assert.equal(
    inShort(ask(policyOf(['169.254.169.254:80'], ['@private']), '169.254.169.254 80')),
    'allow rule 169.254.169.254',
  );
});

test('localhost yields only loopback, by its exact rule', () => {
  const exact = policyOf(['localhost:3000', 'a.localhost:3000']);
  const everywhere = ['10.0.0.1', '93.184.216.34', '127.0.0.1', '::1', '127.1.2.3'];
  assert.equal(inShort(ask(exact, 'localhost 3000', everywhere)), 'allow rule 127.0.0.1 ::1 127.1.2.3');
  assert.equal(inShort(ask(exact, 'a.localhost 3000', ['::1'])), 'allow rule ::1');
  assert.equal(inShort(ask(exact, 'localhost 3000', ['93.184.216.34'])), 'deny address_special');
  assert.equal(inShort(ask(exact, 'localhost 3001', ['127.0.0.1'])), 'deny port_not_allowed');
  assert.equal(inShort(ask(exact, 'b.localhost 3000', ['127.0.0.1'])), 'deny no_rule');
  const wild = policyOf(['*:*', '**.localhost:*', '*.a.localhost:*', '127.0.0.1:*', '@public:*']);
  for (const host of ['localhost', 'a.localhost', 'b.a.localhost']) {
    assert.equal(inShort(ask(wild, `${host} 3000`, ['127.0.0.1'])), 'deny no_rule', host);
  }
  assert.equal(
    inShort(ask(policyOf(['localhost'], ['**.localhost']), 'localhost 443', ['::1'])),
    'deny denied_by_rule',
  );
  assert.equal(
    inShort(ask(policyOf(['localhost'], ['127.0.0.1']), 'localhost 443', ['127.0.0.1'])),
    'deny address_denied',
  );
  assert.equal(inShort(ask(policyOf(['localhosts']), 'localhosts 443', PUBLIC)), 'allow rule 93.184.216.34');
});

test('audit allows, with its reason, what no rule allows', () => {
  const policy = policyOf(['example.com', '8.8.8.8'], [], 'audit');
  const name = ask(policy, 'example.org 443', PUBLIC);
  assert.equal(inShort(name), 'would_deny no_rule 93.184.216.34');
  assert.equal(name.suggestion, 'example.org:443');
  assert.equal(inShort(ask(policy, 'example.com 80', PUBLIC)), 'would_deny port_not_allowed 93.184.216.34');
  assert.equal(inShort(ask(policy, '1.1.1.1 443')), 'would_deny no_rule 1.1.1.1');
  assert.equal(inShort(ask(policy, '8.8.8.8 80')), 'would_deny port_not_allowed 8.8.8.8');
  assert.equal(inShort(ask(policy, 'example.com 443', PUBLIC)), 'allow rule 93.184.216.34');
});

test('audit allows nothing that is malformed, denied, special or without an address', () => {
  const policy = policyOf(['example.com', '0.0.0.0/0'], ['evil.com', '1.1.1.1', '*:22'], 'audit');
  assert.equal(inShort(ask(policy, 'a..b 443')), 'deny malformed_host');
  assert.equal(inShort(ask(policy, 'example.com 0')), 'deny invalid_port');
  assert.equal(inShort(ask(policy, 'evil.com 443', PUBLIC)), 'deny denied_by_rule');
  assert.equal(inShort(ask(policy, 'example.org 22', PUBLIC)), 'deny denied_by_rule');
  assert.equal(inShort(ask(policy, '1.1.1.1 443')), 'deny denied_by_rule');
  assert.equal(inShort(ask(policy, '10.0.0.1 443')), 'deny address_special');
  assert.equal(inShort(ask(policy, '10.0.0.1 80')), 'deny address_special');
  assert.equal(inShort(ask(policy, 'example.org 443', ['10.0.0.1'])), 'deny address_special');
  assert.equal(inShort(ask(policy, 'example.org 443', ['1.1.1.1'])), 'deny address_denied');
  assert.equal(inShort(ask(policy, 'localhost 443', ['127.0.0.1'])), 'deny address_special');
  assert.equal(inShort(ask(policy, 'example.org 443', [])), 'deny dns_error');
  assert.equal(
    inShort(ask(policy, 'example.org 443', ['10.0.0.1', '9.9.9.9'])),
    'would_deny no_rule 9.9.9.9',
  );
});

const HOST: HostContext = {
  own: OwnAddresses.of(...['10.0.0.5', '93.184.216.34', '2600::5', '127.0.0.1'].map(addressOf)),
  listeners: [
    { address: addressOf('127.0.0.1'), port: 9464 },
    { address: addressOf('0.0.0.0'), port: 8080 },
    { address: addressOf('::'), port: 8081 },
  ],
};

test('an address of this host is opened by a rule for exactly it, and by no wider one', () => {
  for (const rule of [
    '10.0.0.0/8:80',
    '10.0.0.4/31:80',
    '@private:80',
    '0.0.0.0/0:80',
    '93.184.216.0/24:80',
    '@public:80',
  ]) {
    const address =
      rule.startsWith('93') || rule.startsWith('0') || rule === '@public:80' ? '93.184.216.34' : '10.0.0.5';
    const policy = policyOf([rule, 'example.com:80']);
    assert.equal(inShort(ask(policy, `${address} 80`, [], HOST)), 'deny address_special', rule);
    assert.equal(inShort(ask(policy, 'example.com 80', [address], HOST)), 'deny address_special', rule);
    assert.equal(ask(policy, `${address} 80`).decision, 'allow', rule);
  }
  const exact = policyOf(['10.0.0.5:80', '[2600::5]:80', 'example.com:80']);
  assert.equal(inShort(ask(exact, '10.0.0.5 80', [], HOST)), 'allow rule 10.0.0.5');
  assert.equal(inShort(ask(exact, '2600::5 80', [], HOST)), 'allow rule 2600::5');
  assert.equal(
    inShort(ask(exact, 'example.com 80', ['10.0.0.5', '93.184.216.34'], HOST)),
    'allow rule 10.0.0.5',
  );
  assert.equal(ask(exact, 'example.com 80', ['93.184.216.34'], HOST).dropped[0]?.class, 'own');
});

test('a deny class covers an address of this host by the class that it has elsewhere', () => {
  const policy = policyOf(['10.0.0.5:80', '93.184.216.34:80'], ['@private', '@public']);
  assert.equal(inShort(ask(policy, '10.0.0.5 80', [], HOST)), 'deny denied_by_rule');
  assert.equal(inShort(ask(policy, '93.184.216.34 80', [], HOST)), 'deny denied_by_rule');
});

test('loopback stays loopback, though an interface of this host has it', () => {
  assert.equal(inShort(ask(policyOf(['@loopback:80']), '127.0.0.1 80', [], HOST)), 'allow rule 127.0.0.1');
  assert.equal(
    inShort(ask(policyOf(['localhost:80']), 'localhost 80', ['127.0.0.1'], HOST)),
    'allow rule 127.0.0.1',
  );
});

test("postern's own listener is opened by a rule for exactly its address and port", () => {
  const wide = ['127.0.0.0/8:*', '127.0.0.1:*', '127.0.0.1:9000-9999', '127.0.0.1:80,9464', '@loopback:9464'];
  for (const rule of wide) {
    const decision = ask(policyOf([rule]), '127.0.0.1 9464', [], HOST);
    assert.equal(inShort(decision), 'deny address_special', rule);
    assert.equal(decision.suggestion, '127.0.0.1:9464');
    assert.equal(ask(policyOf([rule, '127.0.0.1:9464']), '127.0.0.1 9464', [], HOST).decision, 'allow', rule);
    assert.equal(ask(policyOf([rule]), '127.0.0.1 9464').decision, 'allow', rule);
  }
  const name = policyOf(['localhost:9464']);
  assert.equal(inShort(ask(name, 'localhost 9464', ['127.0.0.1', '::1'], HOST)), 'allow rule ::1');
});

test('a listener on every address is closed under each of them', () => {
  const policy = policyOf([
    '127.0.0.0/8:*',
    '[::1/128]:*',
    '0.0.0.0/32:*',
    '10.0.0.5:*',
    '[2600::5]:*',
    '[::/128]:*',
  ]);
  const shut = [
    '127.0.0.1 8080',
    '127.9.9.9 8080',
    '10.0.0.5 8080',
    '0.0.0.0 8080',
    '10.0.0.5 8081',
    '2600::5 8081',
  ];
  for (const destination of [...shut, '::1 8081', ':: 8081', '127.0.0.1 8081', '0.0.0.0 9464']) {
    assert.equal(inShort(ask(policy, destination, [], HOST)), 'deny address_special', destination);
  }
  for (const destination of ['127.0.0.1 8082', '10.0.0.5 9464', '::1 8080', '2600::5 8080', '::1 9464']) {
    assert.equal(ask(policy, destination, [], HOST).decision, 'allow', destination);
  }
});

test('a special address without a rule for its name needs both rules, and the refusal has both', () => {
  const rules = ({ suggestion, nameSuggestion }: Decision) => [nameSuggestion, suggestion];
  const audit = policyOf([], [], 'audit');
  assert.deepEqual(rules(ask(audit, 'db.example.com 5432', ['10.1.2.3'])), [
    'db.example.com:5432',
    '10.1.2.3:5432',
  ]);
  const named = policyOf(['db.example.com:5432'], [], 'audit');
  assert.deepEqual(rules(ask(named, 'db.example.com 5432', ['10.1.2.3'])), [undefined, '10.1.2.3:5432']);
  assert.deepEqual(rules(ask(audit, 'localhost 5432', ['127.0.0.1'])), [undefined, 'localhost:5432']);
});

test('a bare address that DNS gave for a name with other ports needs both rules if it is special, and one if not', () => {
  const policy = policyOf(['db.example.com', '10.1.2.3:443']);
  const bare = (text: string): Decision => {
    const address = addressOf(text);
    const literal = decide(policy, { host: text, port: 5432 }, [], ELSEWHERE);
    return judgeBare(policy, { address, port: 5432 }, ['db.example.com'], literal, ELSEWHERE);
  };
  const special = bare('10.1.2.3');
  assert.deepEqual(
    [special.message, special.nameSuggestion, special.suggestion],
    [
      'Cannot connect to "db.example.com:5432": no rule allows port 5432',
      'db.example.com:5432',
      '10.1.2.3:5432',
    ],
  );
  const open = bare('93.184.216.34');
  assert.deepEqual([open.nameSuggestion, open.suggestion], [undefined, 'db.example.com:5432']);
});
