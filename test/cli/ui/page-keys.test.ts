import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLink, PageKeys } from '../../../sandbox/cli/ui/page-keys.js';

const MINUTE = 60_000;

test('a token counts once, for ten minutes, and no other one counts', () => {
  let now = 0;
  const keys = new PageKeys(() => now);
  const [first, second] = [makeLink('http://x').token, makeLink('http://x').token];
  assert.equal(keys.enter(first), undefined);
  keys.admit(first);
  keys.admit(second);
  assert.ok(keys.enter(first) !== undefined);
  assert.equal(keys.enter(first), undefined, 'used twice');
  now = 11 * MINUTE;
  assert.equal(keys.enter(second), undefined, 'too old');
});

test('a session needs its cookie and its key, and ends after twelve hours without a request', () => {
  let now = 0;
  const keys = new PageKeys(() => now);
  keys.admit('a');
  keys.admit('b');
  const [one, other] = [keys.enter('a'), keys.enter('b')];
  assert.ok(one !== undefined && other !== undefined);
  assert.ok(keys.isOpen(one));
  assert.ok(!keys.isOpen({ cookie: one.cookie, key: '' }));
  assert.ok(!keys.isOpen({ cookie: '', key: one.key }));
  assert.ok(!keys.isOpen({ cookie: one.cookie, key: other.key }));
  now = 11 * 60 * MINUTE;
  assert.ok(keys.isOpen(one));
  now = 22 * 60 * MINUTE;
  assert.ok(keys.isOpen(one), 'it was used meanwhile');
  assert.ok(!keys.isOpen(other));
});

test('tokens and sessions are bounded: the oldest makes room', () => {
  const keys = new PageKeys(() => 0);
  for (let number = 0; number <= 16; number += 1) keys.admit(`token ${number}`);
  assert.equal(keys.enter('token 0'), undefined);
  const sessions = Array.from({ length: 17 }, (_, number) => {
    keys.admit(`more ${number}`);
    return keys.enter(`more ${number}`);
  });
  const [oldest, second] = sessions;
  assert.ok(oldest !== undefined && second !== undefined);
  assert.ok(!keys.isOpen(oldest));
  assert.ok(keys.isOpen(second));
});
