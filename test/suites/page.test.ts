import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { HEADING, readListed, withFigures } from './page.js';
import { SUITES } from './suites.js';

const real = readFileSync(new URL('../../../docs/differences.md', import.meta.url), 'utf8');
const EMPTY = `before
${HEADING}
<!-- Written by npm run suites -- --write -->
<!-- End of the table -->
text

| suite | tests | reason |
|---|---|---|
| go | \`a/b\`, \`c\` (root) | [why](#x) |
| cpython | \`d\` | [why](#x) |

| go | \`not this\` | |
`;
const figures = (suite: string, compared: number) => ({
  ...{
    suite,
    title: `The ${suite}`,
    version: '1',
    parts: 1,
    ofParts: 2,
    compared,
    same: compared - 1,
    differ: 1,
  },
});

test('the page lists tests by suite, and may bind one to who starts postern', () => {
  assert.deepEqual(readListed(EMPTY), [
    { suite: 'go', test: 'a/b' },
    { suite: 'go', test: 'c', startedBy: 'root' },
    { suite: 'cpython', test: 'd' },
  ]);
  const before = EMPTY.replace('| `d` | [why](#x)', '| `d` | [why](#x) before Linux 7.1');
  assert.equal(readListed(before).length, 3);
  assert.deepEqual(
    readListed(before, true).map(({ suite }) => suite),
    ['go', 'go'],
    'what a newer kernel allows does not differ there',
  );
  assert.throws(() => readListed('# Page\n'), /no section/);
});

test('figures replace the row of their suite, in the order of the suites', () => {
  const once = withFigures(EMPTY, ['first', 'second'], [figures('second', 5), figures('first', 7)]);
  const twice = withFigures(once, ['first', 'second'], [figures('second', 9)]);
  const rows = twice.split('\n').filter((line) => line.startsWith('| The'));
  assert.deepEqual(rows, [
    '| The first (`first`) | 1 | 1 of 2 parts | 7 | 6 | 1 |',
    '| The second (`second`) | 1 | 1 of 2 parts | 9 | 8 | 1 |',
  ]);
  assert.deepEqual(readListed(twice), readListed(EMPTY));
  assert.throws(() => withFigures('# Page\n', [], []), /no place for the table/);
});

test('every listed difference is of a known suite, once, and its reason stands in a table above', () => {
  const listed = readListed(real);
  assert.ok(listed.length > 0);
  const names = SUITES.map(({ name }) => name);
  assert.deepEqual(
    listed.filter(({ suite }) => !names.includes(suite)),
    [],
  );
  const told = listed.map(({ suite, test, startedBy }) => [suite, test, startedBy].join(' '));
  assert.equal(new Set(told).size, told.length);
  const [above = '', section = ''] = real.split(HEADING);
  const rows = section.split('\n').filter((line) => /^\| (?!suite)[^|]*\| `/.test(line));
  assert.ok(rows.length > 0);
  for (const row of rows) {
    const reasons = [...row.matchAll(/\[([^\]]+)\]\(#[a-z-]+\)/g)].map(([, text = '']) => text);
    assert.ok(reasons.length > 0, row);
    for (const reason of reasons)
      assert.ok(above.includes(reason.replace(/^.*: /, '')), `${reason} is not above`);
  }
});
