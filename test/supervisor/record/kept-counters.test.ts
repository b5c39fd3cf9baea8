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
