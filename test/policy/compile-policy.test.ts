import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicy } from '../../shared/policy/compile-policy.js';
import { ask, policyOf } from './rules.js';

/** The warnings, for example `allow 1 message`. */
function warnings(allow: readonly string[], deny: readonly string[] = []): string[] {
  const compiled = compilePolicy({ allow, deny });
  assert.ok(compiled.ok, JSON.stringify(compiled));
  return compiled.warnings.map(({ list, index, message }) => `${list} ${index} ${message}`);
}

test('one bad rule refuses them all, and every bad one is reported with its place', () => {
  const compiled = compilePolicy({
    allow: ['ok.example.com', '*.com', '10.1.2.3/8'],
    deny: ['example.org', 'a b'],
  });
  assert.ok(!compiled.ok);
  assert.deepEqual(
    compiled.problems.map(({ list, index, text, suggestion }) => [list, index, text, suggestion]),
    [
      ['allow', 1, '*.com', '*.example.com'],
      ['allow', 2, '10.1.2.3/8', '10.0.0.0/8'],
      ['deny', 1, 'a b', undefined],
    ],
  );
});

test('an empty allow list denies all, names and addresses, whatever the deny list', () => {
  for (const deny of [[], ['evil.com']]) {
    const policy = policyOf([], deny);
    assert.equal(ask(policy, 'example.com 443', ['1.1.1.1']).reason, 'no_rule');
    assert.equal(ask(policy, '8.8.8.8 443').reason, 'no_rule');
    assert.deepEqual(policy.counts, { allow: 0, deny: deny.length });
  }
});

test('the hash differs for other rules or modes, and is the same for equal ones', () => {
  const hash = policyOf(['a.example', 'b.example'], ['c.example']).hash;
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal(policyOf(['a.example', 'b.example'], ['c.example']).hash, hash);
  assert.notEqual(policyOf(['a.example', 'b.example'], ['c.example'], 'audit').hash, hash);
  assert.notEqual(policyOf(['a.example', 'b.example', 'c.example']).hash, hash);
  assert.notEqual(policyOf(['a.example', 'b.example:443'], ['c.example']).hash, hash);
});

test('a star gets a warning in either list', () => {
  assert.deepEqual(warnings(['*:443'], ['*:22']), [
    'allow 0 The rule "*:443" allows every name of two labels or more',
    'deny 0 The rule "*:22" denies everything on its ports, addresses included',
  ]);
  assert.deepEqual(warnings(['example.com'], ['example.org']), []);
});

test('a rule that another one covers gets a warning, and one that it only touches does not', () => {
  const covered: [string[], string[], number][] = [
    [['example.com', 'example.com'], [], 1],
    [['a.example.com', '*.example.com'], [], 0],
    [['example.com', '**.example.com'], [], 0],
    [['*.example.com', '**.example.com'], [], 0],
    [['**.a.example.com', '*.example.com'], [], 0],
    [['example.com:443', 'example.com:*'], [], 0],
    [['example.com:80,443', 'example.com:1-100,400-500'], [], 0],
    [['10.1.0.0/16', '10.0.0.0/8'], [], 0],
    [['8.8.8.0/24', '0.0.0.0/0'], [], 0],
    [['10.0.0.0/8', '10.0.0.0/16'], [], 1],
    [['10.0.0.5', '10.0.0.5'], [], 1],
    [['10.0.0.5:80-90', '10.0.0.5:*'], [], 0],
    [['@private:80', '@private:*'], [], 0],
    [['a.example.com'], ['*.example.com'], 0],
    [['10.0.0.5:80'], ['10.0.0.0/8'], 0],
    [['@private'], ['@private'], 0],
    [['169.254.169.254:80'], ['@metadata'], 0],
    [['10.0.0.0/8:5432'], ['@private'], 0],
    [['93.184.216.0/24'], ['@public'], 0],
    [['[fd00:ec2::254]:80'], ['@metadata'], 0],
    [['[fd12::/16]:443'], ['@private'], 0],
    [['169.254.0.0/16:80'], ['@metadata', '@linklocal'], 0],
    [['169.254.169.254:80'], ['@linklocal', '@metadata:443'], 0],
  ];
  for (const [allow, deny, index] of covered) {
    const [warning = '', ...more] = warnings(allow, deny);
    assert.match(
      warning,
      new RegExp(`^allow ${index} The rule .* (?:changes nothing|never matches): `),
      allow.join(),
    );
    assert.deepEqual(more, []);
  }
  const free: [string[], string[]][] = [
    [['example.com', '*.example.com'], []],
    [['example.com', 'example.com:80'], []],
    [['example.com:80-443', 'example.com:100-500'], []],
    [['10.0.0.0/8', '0.0.0.0/0'], []],
    [['10.0.0.5', '10.0.0.0/8'], []],
    [['10.0.0.5:80', '10.0.0.5:*'], []],
    [['169.254.169.254', '169.254.0.0/16'], []],
    [['10.0.0.0/8', '@private'], []],
    [['localhost:80'], ['a.localhost']],
    [['example.com'], ['example.com:22', '*.example.com']],
    [['10.0.0.0/8'], ['10.1.0.0/16']],
    [['169.254.0.0/16:80'], ['@metadata']],
    [['169.254.169.254:80'], ['@private', '@linklocal:443']],
    [['0.0.0.0/0'], ['@public']],
    [['[::/0]'], ['@public']],
  ];
  for (const [allow, deny] of free) assert.deepEqual(warnings(allow, deny), [], allow.join());
});

test('in the deny list a wider prefix, a wildcard or a star covers', () => {
  for (const deny of [
    ['10.0.0.5', '10.0.0.0/8'],
    ['a.example.com', '*.example.com'],
  ]) {
    assert.match(warnings([], deny).join(), /^deny 0 The rule .* changes nothing/);
  }
  assert.match(
    warnings([], ['10.0.0.5', '*']).join(),
    /^deny 0 .* changes nothing: rule "\*" covers it,deny 1 .* denies everything/,
  );
});

test('an allow wildcard over a domain where anyone can register a name gets a warning', () => {
  for (const rule of ['*.github.io', '**.s3.amazonaws.com:443'])
    assert.match(warnings([rule]).join(), /^allow 0 The rule ".*" allows names that anyone can register: /);
  assert.deepEqual(warnings(['*.example.github.io', '*.example.com', 'example.github.io']), []);
  assert.deepEqual(warnings([], ['*.github.io']), []);
});

test('an allow wildcard over localhost gets a warning, since it never matches', () => {
  assert.match(warnings(['**.localhost:80']).join(), /never matches: localhost/);
  assert.deepEqual(warnings(['localhost:80', 'a.localhost:80']), []);
  assert.deepEqual(warnings([], ['**.localhost']), []);
});

test('a hundred thousand rules about one name, or one below the other, load in seconds', () => {
  const ports = Array.from(
    { length: 50_000 },
    (_, n) => `example.com:${1 + (n % 60_000)}-${5_000 + (n % 60_000)}`,
  );
  const prefixes = Array.from({ length: 50_000 }, (_, n) => `10.${n >> 8}.${n & 255}.0/${24 + (n % 2)}:443`);
  const before = process.cpuUsage();
  const policy = policyOf([...ports, ...prefixes, '10.0.0.0/8:*', '*.example.com:*']);
  assert.equal(ask(policy, 'example.com 54321', ['1.1.1.1']).decision, 'allow');
  assert.equal(ask(policy, 'example.com 65530', ['1.1.1.1']).reason, 'port_not_allowed');
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 10_000_000, `${user + system} µs`);
});
