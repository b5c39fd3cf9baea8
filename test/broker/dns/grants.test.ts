import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Grants } from '../../../broker/dns/grants.js';
import { GRANTED_ADDRESSES, GRANTS, MIN_GRANT_MS, NAMES_PER_ADDRESS } from '../../../shared/limits.js';
import { type Address, addressFromBytes } from '../../../shared/policy/address.js';

const nth = (index: number): Address => addressFromBytes(new Uint8Array([9, 1, index >> 8, index & 0xff]));

function clocked(): { grants: Grants; pass: (ms: number) => void } {
  let now = 1000;
  const grants = new Grants(() => now);
  return { grants, pass: (ms) => (now += ms) };
}

test('an address has the names that it was granted under, the latest first; another address has none', () => {
  const { grants } = clocked();
  grants.add(nth(1), 'a.test', 300);
  grants.add(nth(1), 'b.test', 300);
  assert.deepEqual(grants.namesOf(nth(1)), { fresh: ['b.test', 'a.test'], stale: [] });
  assert.deepEqual(grants.namesOf(nth(2)), { fresh: [], stale: [] });
});

// proves: a stale grant does not count
test('a grant is fresh for its TTL, or for a minute if the TTL is shorter, and stale from then on', () => {
  const { grants, pass } = clocked();
  grants.add(nth(1), 'long.test', 300);
  grants.add(nth(1), 'short.test', 1);
  pass(MIN_GRANT_MS - 1);
  assert.deepEqual(grants.namesOf(nth(1)).stale, []);
  pass(1);
  assert.deepEqual(grants.namesOf(nth(1)), { fresh: ['long.test'], stale: ['short.test'] });
  pass(300_000 - MIN_GRANT_MS);
  assert.deepEqual(grants.namesOf(nth(1)).fresh, []);
});

test('a later answer prolongs a grant and never shortens it', () => {
  const { grants, pass } = clocked();
  grants.add(nth(1), 'a.test', 300);
  grants.add(nth(1), 'a.test', 1);
  pass(299_999);
  assert.deepEqual(grants.namesOf(nth(1)).fresh, ['a.test']);
  grants.add(nth(1), 'a.test', 300);
  pass(200_000);
  assert.deepEqual(grants.namesOf(nth(1)).fresh, ['a.test']);
  assert.equal(grants.size, 1);
});

test('an address keeps its latest names', () => {
  const { grants } = clocked();
  for (let index = 0; index <= NAMES_PER_ADDRESS; index += 1) grants.add(nth(1), `n${index}.test`, 300);
  const { fresh } = grants.namesOf(nth(1));
  assert.equal(fresh.length, NAMES_PER_ADDRESS);
  assert.equal(grants.size, NAMES_PER_ADDRESS);
  assert.ok(!fresh.includes('n0.test') && fresh.includes('n1.test'));
});

test('the address that was used least recently makes room', () => {
  const { grants } = clocked();
  for (let index = 0; index < GRANTED_ADDRESSES; index += 1) grants.add(nth(index), 'a.test', 300);
  grants.namesOf(nth(0));
  grants.add(nth(GRANTED_ADDRESSES), 'a.test', 300);
  assert.deepEqual(grants.namesOf(nth(0)).fresh, ['a.test']);
  assert.deepEqual(grants.namesOf(nth(1)).fresh, []);
  assert.equal(grants.size, GRANTED_ADDRESSES);
});

test('the pairs of name and address are bounded', () => {
  const { grants } = clocked();
  for (let index = 0; index < 1000; index += 1) {
    for (let name = 0; name < NAMES_PER_ADDRESS; name += 1) grants.add(nth(index), `n${name}.test`, 300);
  }
  assert.ok(grants.size <= GRANTS && grants.size > GRANTS - 2 * NAMES_PER_ADDRESS, `${grants.size}`);
  assert.equal(grants.namesOf(nth(999)).fresh.length, NAMES_PER_ADDRESS);
  assert.equal(grants.namesOf(nth(0)).fresh.length, 0);
});

// proves: what a former broker says that its DNS gave is stale
test('another broker takes over what was given, with its order, and DNS must confirm each', () => {
  const { grants } = clocked();
  grants.add(nth(1), 'old.test', 100);
  grants.add(nth(2), 'a.test', 300);
  grants.add(nth(2), 'b.test', 300);
  const stood = grants.standIns.addressOf('proxied.test');
  const next = clocked();
  next.grants.take(JSON.parse(JSON.stringify(grants.given())));
  assert.deepEqual(next.grants.given(), grants.given());
  assert.equal(next.grants.standIns.nameOf(stood), 'proxied.test');
  assert.notEqual(next.grants.standIns.addressOf('other.test').text, stood.text);
  assert.deepEqual(next.grants.namesOf(nth(1)), { fresh: [], stale: ['old.test'] });
  assert.deepEqual(next.grants.namesOf(nth(2)), { fresh: [], stale: ['b.test', 'a.test'] });
  next.grants.add(nth(2), 'b.test', 300);
  assert.deepEqual(next.grants.namesOf(nth(2)), { fresh: ['b.test'], stale: ['a.test'] });
});

test('no address of the world stands for a name that another broker tells', () => {
  const { grants } = clocked();
  grants.take([{ address: '93.184.216.34', name: 'a.test', standsFor: true }]);
  assert.deepEqual(grants.given(), []);
});
