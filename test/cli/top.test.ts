import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sortTop, topLines, topRows } from '../../sandbox/cli/control/top.js';
import type { TopPlugin, TopReport } from '../../sandbox/supervisor/control/control-surface.js';
import { amount } from '../../shared/amounts.js';

const PLAIN: TopPlugin = {
  ...{ name: 'web', state: 'running', pid: 5, connections: 2, connects: 10, denials: 4, sent_bytes: 1000 },
  ...{ received_bytes: 3000, waiting: 1, memory_bytes: 2 ** 20, cpu_seconds: 1, measured: 'processes' },
};

const report = (atMs: number, ...plugins: readonly Partial<TopPlugin>[]): TopReport => ({
  at_ms: atMs,
  for_ms: 61_000,
  plugins: plugins.map((plugin) => ({ ...PLAIN, ...plugin })),
});

test('topRows() makes rates from the time between two reports', () => {
  const next = { connects: 15, denials: 4, sent_bytes: 6000, received_bytes: 3000, cpu_seconds: 2 };
  const [row] = topRows(report(3000, next), report(1000, {}));
  assert.deepEqual(
    [row?.connects_per_second, row?.denials_per_second, row?.sent_bytes_per_second, row?.cpu_percent],
    [2.5, 0, 2500, 50],
  );
  assert.equal(row?.received_bytes_per_second, 0);
});

test('topRows() knows no rate of a first report, of a new plugin, and of what is not known', () => {
  for (const [now, before] of [
    [report(1000, {}), undefined],
    [report(2000, {}), report(1000, { name: 'other' })],
    [report(2000, { connects: null }), report(1000, {})],
    [report(1000, {}), report(1000, {})],
  ] as const)
    assert.equal(topRows(now, before)[0]?.connects_per_second, null);
});

test('topRows() counts 0 for a count that began anew, and never less', () => {
  const [row] = topRows(report(2000, { connects: 1, cpu_seconds: 0 }), report(1000, {}));
  assert.deepEqual([row?.connects_per_second, row?.cpu_percent], [0, 0]);
});

test('sortTop() puts the largest first, what is not known last, and the rest by name', () => {
  const named = (name: string, memory: number | null): Partial<TopPlugin> => ({ name, memory_bytes: memory });
  const rows = topRows(report(1, named('c', 5), named('a', null), named('d', 9), named('b', 5)), undefined);
  const names = (order: 'memory' | 'plugin'): string =>
    sortTop(rows, order)
      .map(({ name }) => name)
      .join('');
  assert.equal(names('memory'), 'dbca');
  assert.equal(names('plugin'), 'abcd');
});

test('topLines() leaves out columns and rows until they fit, and the name last', () => {
  const plugins = Array.from({ length: 30 }, (_, at) => ({ name: `plugin-${at}` }));
  const many = report(2000, ...plugins);
  const rows = topRows(many, many);
  const wide = topLines(many, rows);
  assert.equal(wide.length, 32);
  assert.match(
    wide[1] ?? '',
    /^PLUGIN +STATE +CONNS +CONN\/S +DENIED\/S +SENT\/S +RECV\/S +SENT +RECEIVED +WAITING +MEMORY +CPU%$/,
  );
  for (const columns of [1, 5, 9, 20, 40, 60, 80, 200])
    for (const height of [1, 3, 10, 50]) {
      const lines = topLines(many, rows, { columns, rows: height });
      assert.ok(
        lines.every((line) => line.length <= columns),
        `${columns} columns`,
      );
      assert.ok(lines.length <= Math.max(3, height), `${height} rows`);
      if (columns >= 9) assert.match(lines[1] ?? '', /^PLUGIN/);
    }
  assert.match(topLines(many, rows, { columns: 80, rows: 10 }).at(-1) ?? '', /^and 23 more$/);
  assert.match(topLines(many, rows, { columns: 29, rows: 10 })[1] ?? '', /^PLUGIN +MEMORY +CPU%$/);
});

test('topLines() prints nothing that acts on a terminal', () => {
  const lines = topLines(
    report(1, { state: '\x1b[2J\nrow' }),
    topRows(report(1, { state: '\x1b[2J\nrow' }), undefined),
  );
  assert.equal(lines.length, 3);
  assert.doesNotMatch(lines.join(''), /\p{Cc}/u);
});

test('amount() keeps four characters and a unit', () => {
  const shown = [0, 17, 9999, 10_240, 1_500_000, 2 ** 40, 5e300, null, -1, Number.NaN, 12.34].map(amount);
  assert.deepEqual(shown.slice(0, 6), ['0', '17', '9999', '10K', '1.4M', '1.0T']);
  assert.deepEqual(shown.slice(7), ['-', '-', '-', '12.3']);
});
