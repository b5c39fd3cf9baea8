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

function keptOf(...plugins: readonly string[]): KeptCounters {
  const kept = new KeptCounters();
  for (const plugin of plugins) kept.add(plugin);
  return kept;
}

// proves: metrics: no counter falls when another broker serves
test('no counter falls when another broker serves, and a gauge is that of the broker of now', () => {
  const kept = keptOf('web', 'we', 'db');
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
  const kept = keptOf('web', 'we', 'db');
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
  const kept = keptOf('web', 'we', 'db');
  const bad = [
    ...['no line of a page 3', 'open 5', 'n{a="x" 1', 'n{a="x"} -4', 'n{a="x"} 1e999', 'n{a="x"}', '4'],
    `n{a="${'x'.repeat(1_000)}"} 1`,
  ];
  kept.page(1, counted({ 'plugin="web"': 5 }).replace(/\n\n$/, `\n${bad.join('\n')}\n\n`));
  assert.equal(kept.page(2, counted({ 'plugin="web"': 1 })), counted({ 'plugin="web"': 6 }));
});

// proves: metrics: a page without end is not kept
test('of a page without end, what is far down is neither kept nor changed', () => {
  const kept = keptOf('web');
  kept.page(1, counted({ 'plugin="web"': 5 }));
  const endless = '\n'.repeat(100_000) + counted({ 'plugin="web"': 1 });
  assert.equal(kept.page(2, endless), endless);
  assert.equal(kept.page(3, counted({ 'plugin="web"': 1 })), counted({ 'plugin="web"': 1 }));
});

// proves: metrics: what is kept of a metric is added once a page
test('a page that names a metric again and again gets what was kept of it once', () => {
  const kept = keptOf('web');
  kept.page(1, counted({ 'plugin="web"': 5 }));
  const again = counted({ 'plugin="web"': 1 });
  assert.equal(kept.page(2, again + again), counted({ 'plugin="web"': 6 }) + again);
});

// proves: metrics: a broker keeps no series of a plugin that is none
// proves: metrics: a broker keeps no endless series of a plugin
test('a broker leaves the next one few series of each plugin, and none of a plugin that there is not', () => {
  const kept = keptOf('web');
  const endless = (plugin: string): Record<string, number> =>
    Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`plugin="${plugin}",a="${at}"`, 1]));
  kept.page(1, counted({ ...endless('none'), ...endless('web'), 'a="1"': 3 }));
  const lines = kept.page(2, counted({ 'a="1"': 1 })).split('\n');
  assert.equal(lines.filter((line) => line.startsWith('n{plugin="web"')).length, 1_000);
  assert.equal(lines.filter((line) => line.startsWith('n{plugin="none"')).length, 0);
  assert.ok(lines.includes('n{a="1"} 4'));
});
