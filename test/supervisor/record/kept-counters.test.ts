import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeptCounters } from '../../../sandbox/supervisor/record/kept-counters.js';

const OPEN = '# HELP open Now\n# TYPE open gauge\nopen{plugin="web"} 3\n\n';
const TIMES =
  '# HELP s Time\n# TYPE s histogram\ns_bucket{le="1"} 2\ns_bucket{le="+Inf"} 2\ns_sum 0.5\ns_count 2\n\n';

function counted(series: Readonly<Record<string, number>>): string {
  const lines = Object.entries(series).map(([labels, value]) => `n{${labels}} ${value}`);
  return ['# HELP n Of all', '# TYPE n counter', ...lines, '', ''].join('\n');
}

// proves: metrics: no counter falls when another broker serves
test('no counter falls when another broker serves, and a gauge is that of the broker of now', () => {
  const kept = new KeptCounters();
  const first =
    counted({ 'plugin="web",a="x"': 5, 'plugin="web",a="rare"': 1, 'plugin="db"': 7 }) + OPEN + TIMES;
  assert.equal(kept.page(1, first), first);
  const second = kept.page(2, counted({ 'plugin="web",a="x"': 2 }) + OPEN.replace('3', '1') + TIMES);
  for (const line of [
    ...['n{plugin="web",a="x"} 7', 'n{plugin="web",a="rare"} 1', 'n{plugin="db"} 7', 'open{plugin="web"} 1'],
    ...['s_bucket{le="1"} 4', 's_bucket{le="+Inf"} 4', 's_sum 1', 's_count 4'],
  ])
    assert.ok(second.split('\n').includes(line), `${line} in\n${second}`);
  assert.match(kept.page(3, counted({ 'plugin="web",a="x"': 1 })), /^n\{plugin="web",a="x"\} 8$/m);
});

test('what was counted of a plugin goes with it, also if its broker dies at once', () => {
  const kept = new KeptCounters();
  kept.page(1, counted({ 'plugin="web"': 5, 'plugin="we"': 1, 'plugin="db"': 7 }));
  kept.forget('web');
  const page = kept.page(2, counted({ 'plugin="web"': 0 }));
  assert.match(page, /^n\{plugin="web"\} 0$/m);
  assert.match(page, /^n\{plugin="we"\} 1$/m);
  kept.forget('db');
  assert.doesNotMatch(kept.page(2, counted({ 'plugin="web"': 0 })), /db/);
});

// proves: metrics: what a broker wrote that is no series of its metric is not kept
test('of a broker that was taken over, no line stays that spoils a later page', () => {
  const kept = new KeptCounters();
  const bad = [
    ...['no line of a page 3', 'open 5', 'n{a="x" 1', 'n{a="x"} -4', 'n{a="x"} 1e999', 'n{a="x"}', '4'],
    `n{a="${'x'.repeat(1_000)}"} 1`,
  ];
  kept.page(1, counted({ 'plugin="web"': 5 }).replace(/\n\n$/, `\n${bad.join('\n')}\n\n`));
  assert.equal(kept.page(2, counted({ 'plugin="web"': 1 })), counted({ 'plugin="web"': 6 }));
});

// proves: metrics: a page without end is not kept
test('a page without end is neither kept nor changed', () => {
  const kept = new KeptCounters();
  const series = Object.fromEntries(Array.from({ length: 150_000 }, (_, at) => [`a="${at}"`, 1]));
  const endless = counted(series);
  assert.equal(kept.page(1, endless), endless);
  assert.ok(kept.page(2, counted({ 'a="1"': 1 })).split('\n').length < 110_000);
  assert.equal(kept.page(2, endless).split('\n').length, endless.split('\n').length);
});
