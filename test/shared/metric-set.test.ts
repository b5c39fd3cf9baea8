import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gauge, Registry } from 'prom-client';
import { METRICS } from '../../broker/record/metric-table.js';
import { SERIES_PER_TURN } from '../../shared/limits.js';
import { MetricSet } from '../../shared/metrics/metric-set.js';
import { seriesText } from '../../shared/metrics/series-text.js';

test('the series of a metric are written as prom-client writes them', async () => {
  const registry = new Registry();
  const gauge = new Gauge({ name: 'a', help: 'of\n"a" \\', labelNames: ['x', 'y'], registers: [registry] });
  const values = [1, -0.5, 1e21, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const [at, value] of values.entries()) gauge.set({ x: 'line\n"quoted" \\', y: `${at}` }, value);
  let text = '';
  for await (const part of seriesText(await gauge.get())) text += part;
  assert.equal(text, `${await registry.getSingleMetricAsString('a')}\n\n`);
});

test('a page has each metric and its series once', async () => {
  const metrics = new MetricSet(METRICS);
  for (const plugin of ['one', 'two']) metrics.addPlugin(plugin);
  metrics.countOf('two', 'connects', { outcome: 'connected' }, 3);
  const text = await metrics.text();
  for (const { name } of Object.values(METRICS)) assert.equal(text.split(`# TYPE ${name} `).length, 2, name);
  const lines = text.split('\n').filter((line) => line.startsWith('postern_connects_total{'));
  assert.equal(lines.length, new Set(lines).size);
  assert.ok(lines.includes('postern_connects_total{plugin="two",outcome="connected"} 3'));
});

test('the event loop turns while a long page is written', async () => {
  const metrics = new MetricSet(METRICS);
  for (let at = 0; at < 500; at += 1) metrics.addPlugin(`p${at}`);
  let turns = 0;
  let turning = setImmediate(function turn() {
    turns += 1;
    turning = setImmediate(turn);
  });
  let longest = 0;
  let lines = 0;
  let before = turns;
  let untilTurn = 0;
  for await (const part of metrics.parts()) {
    const length = part.split('\n').length;
    lines += length;
    untilTurn = turns === before ? untilTurn + length : length;
    before = turns;
    longest = Math.max(longest, untilTurn);
  }
  clearImmediate(turning);
  assert.ok(lines > 20_000, `${lines}`);
  // A metric's head has three lines, and a small metric may share a turn with the end of a long one.
  assert.ok(longest < 2 * SERIES_PER_TURN, `${longest} lines in one turn`);
});
