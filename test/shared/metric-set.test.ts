import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gauge, Registry } from 'prom-client';
import { METRICS } from '../../broker/record/broker-metrics.js';
import { SERIES_PER_TURN } from '../../shared/limits.js';
import { MetricSet, seriesText } from '../../shared/metrics/metric-set.js';
import { PluginMetrics } from '../../shared/metrics/plugin-metrics.js';

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
  const [, two] = ['one', 'two'].map((plugin) => new PluginMetrics(metrics, plugin));
  two?.count('connects', { outcome: 'connected' }, 3);
  const text = await metrics.text();
  for (const { name } of Object.values(METRICS)) assert.equal(text.split(`# TYPE ${name} `).length, 2, name);
  const lines = text.split('\n').filter((line) => line.startsWith('postern_connects_total{'));
  assert.equal(lines.length, new Set(lines).size);
  assert.ok(lines.includes('postern_connects_total{plugin="two",outcome="connected"} 3'));
});

// proves: metrics: a long page is written over many turns of the event loop
test('the event loop turns while a long page is written', async () => {
  const metrics = new MetricSet(METRICS);
  for (let at = 0; at < 1500; at += 1) metrics.addPlugin(`p${at}`);
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

test('a page tells all that was counted and observed since the last one, and nothing twice', async () => {
  const metrics = new MetricSet(METRICS);
  const one = new PluginMetrics(metrics, 'one');
  for (let round = 1; round <= 2; round += 1) {
    for (let at = 0; at < 3000; at += 1) {
      one.count('traps', { call: 'connect', answer: at % 3 === 0 ? 'brokered' : 'refused' });
      metrics.observe('connectDuration', { outcome: 'connected' }, 0.25);
      metrics.count('auditEventsDropped', {}, 2);
    }
    const lines = new Set((await metrics.text()).split('\n'));
    const traps = 'postern_traps_total{plugin="one",call="connect"';
    for (const line of [
      `${traps},answer="brokered"} ${1000 * round}`,
      `${traps},answer="refused"} ${2000 * round}`,
      `postern_audit_events_dropped_total ${6000 * round}`,
      `postern_connect_duration_seconds_count{outcome="connected"} ${3000 * round}`,
      `postern_connect_duration_seconds_sum{outcome="connected"} ${750 * round}`,
      `postern_connect_duration_seconds_bucket{le="0.25",outcome="connected"} ${3000 * round}`,
      `postern_connect_duration_seconds_bucket{le="0.1",outcome="connected"} 0`,
    ])
      assert.ok(lines.has(line), line);
  }
});

test('a plugin that is removed leaves no series, and one of its name starts at 0', async () => {
  const metrics = new MetricSet(METRICS);
  const former = new PluginMetrics(metrics, 'one');
  former.count('socketsPassed', { door: 'trap' });
  former.remove();
  former.count('socketsPassed', { door: 'trap' });
  former.count('connects', { outcome: 'connected' });
  former.set('requestsQueued', {}, 1);
  assert.doesNotMatch(await metrics.text(), /plugin="one"/);
  new PluginMetrics(metrics, 'one');
  assert.match(await metrics.text(), /postern_connects_total\{plugin="one",outcome="connected"\} 0/);
});

test('a metric without labels has no series before it has a value, where its table says so', async () => {
  const labels = {};
  const set = new MetricSet({
    later: { name: 'postern_later', kind: 'gauge', help: 'x', labels, startsAtZero: () => false },
    soon: { name: 'postern_soon', kind: 'gauge', help: 'x', labels },
  });
  assert.deepEqual((await set.text()).match(/^postern.*$/gm), ['postern_soon 0']);
  set.set('later', {}, 7);
  assert.deepEqual((await set.text()).match(/^postern.*$/gm), ['postern_later 7', 'postern_soon 0']);
});
