import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PluginLogs } from '../../../sandbox/supervisor/control/plugin-logs.js';
import { KEPT_CHARACTERS, KEPT_LINE_CHARACTERS, KEPT_LINES } from '../../../shared/limits.js';
import { measureMemory } from '../../fuzz/memory.js';

const texts = (logs: PluginLogs, plugin: string | undefined, most: number): string[] =>
  logs.last(plugin, most).map(({ text }) => text);

test('PluginLogs gives the last lines of one plugin or of all, in the order in which they came', () => {
  const gone = new Set<string>();
  const logs = new PluginLogs((plugin) => !gone.has(plugin));
  logs.take('a', 'stdout', 'one');
  logs.take('b', 'stderr', 'two');
  logs.take('a', 'stdout', 'three');
  assert.deepEqual(texts(logs, undefined, 2), ['two', 'three']);
  assert.deepEqual(texts(logs, 'a', 5), ['one', 'three']);
  assert.deepEqual(texts(logs, 'c', 5), []);
  gone.add('a');
  assert.deepEqual(texts(logs, undefined, 5), ['two']);
});

test('PluginLogs keeps a bounded part of what one plugin writes, and takes no room from another', () => {
  const logs = new PluginLogs(() => true);
  logs.take('quiet', 'stdout', 'still there');
  for (let line = 0; line < 3 * KEPT_LINES; line += 1) logs.take('loud', 'stdout', String(line));
  assert.equal(logs.last('loud', 10_000).length, KEPT_LINES);
  assert.equal(texts(logs, 'loud', 1)[0], String(3 * KEPT_LINES - 1));
  for (let line = 0; line < 100; line += 1) logs.take('loud', 'stdout', 'x'.repeat(100_000));
  const kept = texts(logs, 'loud', 10_000);
  assert.ok(kept.every((text) => text.length <= KEPT_LINE_CHARACTERS));
  assert.ok(kept.join('').length <= KEPT_CHARACTERS);
  assert.deepEqual(texts(logs, 'quiet', 5), ['still there']);
});

test('a kept line keeps nothing of what came with it', () => {
  const logs = new PluginLogs(() => true);
  const before = measureMemory().heap;
  for (let line = 0; line < KEPT_LINES; line += 1) {
    const chunk = Buffer.alloc(65_536, `${line} `).toString('latin1');
    logs.take('a', 'stdout', chunk.slice(0, 100));
  }
  assert.ok(measureMemory().heap - before < 16 * 1024 * 1024);
  assert.equal(logs.last('a', 10_000).length, KEPT_LINES);
});

test('PluginLogs leaves out what came before a time', () => {
  const logs = new PluginLogs(() => true);
  logs.take('a', 'stdout', 'one');
  const [{ ts } = { ts: '' }] = logs.last('a', 1);
  assert.deepEqual(logs.last('a', 5, ts), logs.last('a', 5));
  assert.deepEqual(logs.last('a', 5, new Date(Date.parse(ts) + 1).toISOString()), []);
});
