import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blamedMs } from '../../../broker/stall/judge-stall.js';

test('blamedMs() blames nobody for a step that the watchdog did not see', () => {
  assert.equal(blamedMs({ looks: 0, heldMs: 0, excusedMs: 0 }, 0), 0);
});

test('blamedMs() blames nobody after a single look, and the plugin after two', () => {
  assert.equal(blamedMs({ looks: 1, heldMs: 10, excusedMs: 0 }, 0), 0);
  assert.equal(blamedMs({ looks: 2, heldMs: 20, excusedMs: 0 }, 0), 20);
});

test("blamedMs() blames nobody if the broker's thread mostly had no processor", () => {
  assert.equal(blamedMs({ looks: 100, heldMs: 490, excusedMs: 0 }, 0), 0);
  assert.equal(blamedMs({ looks: 100, heldMs: 500, excusedMs: 0 }, 0), 500);
});

// proves: a plugin is not blamed while it waits for a processor itself
// proves: excused waiting has an allowance
test('blamedMs() excuses the time in which the plugin waits for a processor, up to the allowance', () => {
  const looks = { looks: 100, heldMs: 0, excusedMs: 1000 };
  assert.equal(blamedMs(looks, 1000), 0);
  assert.equal(blamedMs(looks, 990), 0, 'too short');
  assert.equal(blamedMs(looks, 400), 600);
  assert.equal(blamedMs(looks, 0), 1000);
  assert.equal(blamedMs(looks, -5), 1000);
});

test('blamedMs() blames a plugin for the time in which it holds the lock between its waits', () => {
  assert.equal(blamedMs({ looks: 100, heldMs: 100, excusedMs: 900 }, 1000), 100);
});
