import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StandIns } from '../../../broker/dns/grants.js';
import { isGatewayAddress } from '../../../shared/gateway.js';
import { STAND_INS } from '../../../shared/limits.js';

test('a name keeps its address, and an address means one name', () => {
  const standIns = new StandIns();
  const one = standIns.addressOf('one.test');
  const two = standIns.addressOf('two.test');
  assert.match(one.text, /^198\.1[89]\./);
  assert.notEqual(one.text, two.text);
  assert.equal(standIns.addressOf('one.test').text, one.text);
  assert.equal(standIns.nameOf(one), 'one.test');
  assert.equal(standIns.nameOf(two), 'two.test');
});

test('the name that was used least recently makes room, and its address is not given away soon', () => {
  const standIns = new StandIns();
  const first = standIns.addressOf('first.test');
  const kept = standIns.addressOf('kept.test');
  const later = new Set<string>();
  for (let at = 0; at < 30 * STAND_INS; at += 1) {
    if (at % 1000 === 0) standIns.addressOf('kept.test');
    later.add(standIns.addressOf(`name-${at}.test`).text);
  }
  assert.equal(standIns.nameOf(first), undefined);
  assert.equal(standIns.nameOf(kept), 'kept.test');
  assert.ok(!later.has(first.text) && !later.has(kept.text));
  assert.equal(later.size, 30 * STAND_INS);
});

test('after all addresses they come again, except those that are in use', () => {
  const standIns = new StandIns();
  const kept = standIns.addressOf('kept.test');
  for (let at = 0; at < 2 ** 17 + 10; at += 1) {
    if (at % 1000 === 0) standIns.addressOf('kept.test');
    assert.notEqual(standIns.addressOf(`name-${at}.test`).text, kept.text);
  }
  assert.equal(standIns.nameOf(kept), 'kept.test');
});

test('no name gets the address of a gateway', () => {
  const standIns = new StandIns();
  for (let at = 0; at < 2 ** 17 + 10; at += 1)
    assert.ok(!isGatewayAddress(standIns.addressOf(`name-${at}.test`)));
});
