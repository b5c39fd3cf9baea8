import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openings } from '../../shared/policy/compare-policies.js';
import type { PolicySource } from '../../shared/policy/compile-policy.js';
import { passes } from './compared.js';
import { policy, request, rule } from './random-policies.js';

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
