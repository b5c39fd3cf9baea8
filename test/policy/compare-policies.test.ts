import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openings } from '../../shared/policy/compare-policies.js';
import type { PolicySource } from '../../shared/policy/compile-policy.js';
import { passes } from './compared.js';
import { ADDRESSES, CLASSES, LOCAL, NAMES, PORTS, prefixText, WILD, writeRule } from './naive-cases.js';
import { addressOf } from './rules.js';

const source = (allow: readonly string[], deny: readonly string[] = []): PolicySource => ({ allow, deny });

function found(inner: PolicySource, outer: PolicySource): string[] {
  return [...openings(inner, outer)].map(({ about, port, lastPort, where }) =>
    [`${about}:${port}${lastPort === port ? '' : `-${lastPort}`}`, ...(where ? [where] : [])].join(' '),
  );
}

test('what the one opens and the other does not is told by name, address, port and socket', () => {
  assert.deepEqual(found(source(['api.example.com']), source(['*.example.com'])), []);
  assert.deepEqual(found(source(['*.example.com']), source(['api.example.com'])), [
    '*.example.com:443',
    '*.api.example.com:443',
  ]);
  assert.deepEqual(found(source(['*.example.com']), source(['*.example.com'], ['tracker.example.com'])), [
    'tracker.example.com:443',
  ]);
  assert.deepEqual(found(source(['example.com:80-90']), source(['example.com:80,85-100'])), [
    'example.com:81-84',
  ]);
  assert.deepEqual(found(source(['**.example.com']), source(['*.example.com'])), ['example.com:443']);
  assert.deepEqual(found(source(['unix:/run/a.sock', 'unix:/run/b.sock']), source(['unix:/run/a.sock'])), [
    'unix:/run/b.sock:0',
  ]);
});

test('a base that leaves room for one letter has names below it', () => {
  const base = [...Array(3).fill('b'.repeat(63)), 'c'.repeat(54), 'test'].join('.');
  assert.equal(base.length, 251);
  assert.deepEqual(found(source([`*.${base}`, 'x.q.test']), source(['x.q.test'])), [`*.${base}:443`]);
  assert.deepEqual(found(source([`*.${base}`]), source([`x.${base}`])), [`*.${base}:443`]);
});

test('an address that only a narrower rule opens is told, and for which addresses it matters', () => {
  assert.deepEqual(found(source(['10.0.0.0/8:443']), source(['@private:443'])), []);
  assert.deepEqual(found(source(['10.1.2.3:443']), source(['10.0.0.0/8:443'])), ['10.1.2.3:443 own']);
  assert.deepEqual(found(source(['10.1.0.0/16:443']), source(['10.0.0.0/8:443'], ['10.1.2.0/24'])), [
    '10.1.2.0/24:443',
  ]);
  assert.deepEqual(found(source(['169.254.169.254:80']), source(['169.254.0.0/16:80'])), [
    '169.254.169.254:80',
  ]);
});

test('a name that both allow differs where one denies an address of it', () => {
  const [one, ...more] = openings(source(['example.com']), source(['example.com'], ['8.8.8.0/24']));
  assert.deepEqual([one?.about, one?.address?.startsWith('8.8.8.'), more], ['example.com', true, []]);
});

const port = fc.constantFrom(...PORTS);
const address = fc.constantFrom(...ADDRESSES);
const range = fc.tuple(port, port).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const ports = fc.oneof(
  fc.constant([[443, 443]] as const),
  fc.array(range, { minLength: 1, maxLength: 2 }),
  fc.constant([[1, 65_535]] as const),
);
const prefix = fc
  .tuple(address, fc.constantFrom(0, 1, 4, 7, 8, 10, 12, 14, 16, 24, 28, 31, 32, 32))
  .map(([text, quarter]) => prefixText(text, text.includes(':') ? quarter * 4 : quarter));
const target = fc.oneof(
  fc.constantFrom(...NAMES, ...LOCAL),
  fc.constantFrom(...WILD).chain((name) => fc.constantFrom(`*.${name}`, `**.${name}`)),
  prefix,
  prefix,
  fc.constantFrom(...CLASSES),
  fc.constant('*'),
);
const rule = fc.record({ target, ports }).map(writeRule);
const policy = fc.record({
  allow: fc.array(rule, { maxLength: 6 }),
  deny: fc.array(rule, { maxLength: 3 }),
  mode: fc.constantFrom('enforce' as const, 'enforce' as const, 'audit' as const),
});
/** Near the rules, since most of them share a few prefixes. */
const near = fc.tuple(address, fc.integer({ min: 0, max: 127 }), fc.boolean()).map(([text, bit, flips]) => {
  const { bytes } = addressOf(text);
  const at = bit % (bytes.length * 8);
  const changed = bytes.map((byte, index) => (flips && index === at >> 3 ? byte ^ (0x80 >> (at & 7)) : byte));
  return changed.length === 4 ? changed.join('.') : addressText(changed);
});
const request = fc.record({
  host: fc.oneof(
    fc.constantFrom(...NAMES, ...LOCAL, 'new.example.com', 'deep.new.a.example.com', 'other.test', 'single'),
    near,
  ),
  port: fc.oneof(port, fc.integer({ min: 1, max: 65_535 })),
  resolved: near,
  where: fc.constantFrom(undefined, 'own' as const, 'listener' as const),
});

function addressText(bytes: Uint8Array): string {
  return Array.from({ length: 8 }, (_, at) =>
    (((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0)).toString(16),
  ).join(':');
}

const runs = 120;

test('what is told is decided so, and where nothing is told no request tells the policies apart', () => {
  fc.assert(
    fc.property(
      policy,
      policy,
      fc.array(request, { minLength: 30, maxLength: 60 }),
      (inner, outer, requests) => {
        const all = [...openings(inner, outer)];
        for (const { host, port: asked, address, where } of all) {
          const one = { host, port: asked, resolved: address ?? host, where };
          if (host.startsWith('unix:')) continue;
          assert.ok(passes(inner, one) && !passes(outer, one), JSON.stringify(one));
        }
        if (all.length > 0) return;
        for (const one of requests)
          assert.ok(!passes(inner, one) || passes(outer, one), JSON.stringify({ inner, outer, one }));
      },
    ),
    { numRuns: runs },
  );
});

test('a policy lies within itself, and within one with more allow rules and no more deny rules', () => {
  fc.assert(
    fc.property(policy, fc.array(rule, { maxLength: 3 }), (one, more) => {
      assert.deepEqual([...openings(one, one)], []);
      if (one.mode === 'enforce')
        assert.deepEqual([...openings(one, { ...one, allow: [...one.allow, ...more] })], []);
    }),
    { numRuns: runs / 2 },
  );
});
