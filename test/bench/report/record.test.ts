import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readableFolder } from '../../harness/users.js';
import type { Host } from '../host.js';
import { chartOf } from './chart.js';
import { withFigures } from './page.js';
import type { Recorded } from './report.js';
import { readRecord, writeRecord } from './write-record.js';

const host: Host = {
  ...{ processors: '2 × fast', kernel: 'Linux 6.18', node: 'v20.1.0', date: '2026-01-02' },
  ...{ user: 'root', load: 0.1 },
};
const PAGE =
  '# Page\n<!-- Written by npm run bench -- --write -->\nold\n<!-- End of the figures -->\nafter\n';

function measure(name: string, median: number): Recorded {
  const row = { contestant: 'direct', role: 'direct', median: 10, spread: 0.1, values: [10] } as const;
  const trap = { contestant: 'trap', role: 'postern', median, spread: 0.1, values: [median] } as const;
  return {
    ...{ name, title: `the measure ${name}`, rounds: 1, host },
    figures: [
      {
        ...{ key: 'us', title: 'p50', unit: 'µs', better: 'less', baseline: 'direct', charted: true },
        rows: [row, { ...trap, ratio: median / 10, ratioSpread: 0.4 }],
        aims: [{ text: 'trap: at most 2 times direct', measured: median / 10, met: median <= 20 }],
      },
    ],
    absent: [{ name: 'proxy', why: 'not installed' }],
  };
}

function folder(): string {
  const docs = readableFolder();
  writeFileSync(join(docs, 'performance.md'), PAGE);
  return docs;
}
const pageOf = (docs: string): string => readFileSync(join(docs, 'performance.md'), 'utf8');

test('the page gets the figures, their aims, wide spreads and absent peers', () => {
  const docs = folder();
  writeRecord(docs, ['a'], [measure('a', 25)]);
  const page = pageOf(docs);
  assert.match(page, /^# Page\n/);
  assert.match(page, /\nafter\n$/);
  assert.doesNotMatch(page, /\nold\n/);
  assert.match(
    page,
    /- `a`: 2 × fast, Linux 6\.18, Node v20\.1\.0, as root, 2026-01-02; load at the start 0\.10\n/,
  );
  assert.match(page, /\| `a`, p50 \| trap: at most 2 times direct \| 2\.50 \| \*\*missed\*\* \|/);
  assert.match(page, /\| trap \| 25\.0 \| 2\.50 \| \*\*40 %: wide\*\* \|/);
  assert.match(page, /- proxy: not measured\. not installed/);
});

test('a run of one measure leaves the others, in their order', () => {
  const docs = folder();
  writeRecord(docs, ['a', 'b'], [measure('b', 15)]);
  writeRecord(docs, ['a', 'b'], [measure('a', 25)]);
  writeRecord(docs, ['a', 'b'], [measure('b', 35)]);
  const medians = readRecord(docs).map(({ name, figures }) => [name, figures[0]?.rows[1]?.median]);
  assert.deepEqual(medians, [
    ['a', 25],
    ['b', 35],
  ]);
  assert.match(pageOf(docs), /### a[\s\S]*### b/);
});

test('a measure that is no more goes from the page', () => {
  const docs = folder();
  writeRecord(docs, ['a', 'b'], [measure('a', 25), measure('b', 15)]);
  writeRecord(docs, ['b'], []);
  assert.doesNotMatch(pageOf(docs), /### a/);
});

test('a busy host makes the figures doubtful', () => {
  const docs = folder();
  writeRecord(docs, ['a'], [{ ...measure('a', 25), host: { ...host, load: 3 } }]);
  assert.match(pageOf(docs), /load at the start 3\.00: other programs were running/);
});

test('a page without a place for the figures is an error', () => {
  assert.throws(() => withFigures('# Page\n', []), /no place for the figures/);
});

test('the chart has a bar for each contestant, longer by the logarithm', () => {
  const svg = chartOf([measure('a', 1_000)]);
  const widths = [...svg.matchAll(/<rect x="210"[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
  assert.equal(widths.length, 2);
  // From 10 to 1,000 are two steps of the scale, and a quarter of a step is below 10.
  assert.ok(Math.abs((widths[1] ?? 0) / (widths[0] ?? 1) - 9) < 0.01, String(widths));
  assert.match(svg, /× 100/);
});

test('docs/ has the page and the chart that performance.json makes', () => {
  const docs = fileURLToPath(new URL('../../../../docs', import.meta.url));
  const recorded = readRecord(docs);
  assert.equal(withFigures(pageOf(docs), recorded), pageOf(docs));
  if (recorded.length > 0)
    assert.equal(chartOf(recorded), readFileSync(join(docs, 'performance.svg'), 'utf8'));
});
