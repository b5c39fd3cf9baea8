import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Column, readSince, tableLines } from '../../sandbox/cli/control/control-command.js';

const COLUMNS: readonly Column<readonly string[]>[] = [
  { title: 'NAME', rank: 0, cell: ([name = '']) => name },
  { title: 'COUNT', right: true, rank: 1, cell: ([, count = '']) => count },
  { title: 'PLACE', rank: 2, cell: ([, , place = '']) => place },
  { title: 'RULE', rank: 0, cell: ([, , , rule = '']) => rule },
];

test('tableLines() leaves out the columns of the highest ranks until the rest fits', () => {
  const rows = [['web', '7', 'p'.repeat(30), 'r'.repeat(30)]];
  const heads = [200, 75, 74, 43, 42].map((width) => tableLines(COLUMNS, rows, width)[0]?.split(/ +/));
  const all = ['NAME', 'COUNT', 'PLACE', 'RULE'];
  assert.deepEqual(heads[0], all);
  assert.deepEqual(heads[2], ['NAME', 'COUNT', 'RULE']);
  assert.deepEqual([heads[1], heads[3]], [all, ['NAME', 'COUNT', 'RULE']]);
  assert.deepEqual(heads[4], ['NAME', 'RULE']);
  assert.deepEqual(tableLines(COLUMNS, rows)[0]?.split(/ +/), all);
});

test('tableLines() cuts what must stay, visibly, and no longer text of a plugin takes the room of the others', () => {
  const rows = [
    ['web', '7', 'here', 'api.example.com'],
    ['x'.repeat(60), '1', 'here', 'y'.repeat(500)],
  ];
  for (const width of [20, 40, 80, 120]) {
    const lines = tableLines(COLUMNS, rows, width);
    assert.ok(
      lines.every((line) => line.length <= width),
      lines.join('\n'),
    );
    assert.match(lines[2] ?? '', /^x+… .*y+…$/);
    if (width >= 40) assert.match(lines[1] ?? '', /^web .*api\.example\.com$/);
  }
  assert.ok(tableLines(COLUMNS, rows)[2]?.endsWith('y'.repeat(500)), 'in a pipe nothing is cut');
});

test('tableLines() prints one line for a row, whatever its texts are', () => {
  const lines = tableLines(COLUMNS, [['a\nPLUGIN', '\x1b[2J', '', '\u202e']], 80);
  assert.equal(lines.length, 2);
  assert.doesNotMatch(lines.join(''), /[\p{Cc}\p{Cf}]/u);
});

test('readSince() takes a duration before now, and a time in UTC', () => {
  const now = Date.parse('2026-01-15T12:00:00.000Z');
  for (const [text, expected] of [
    ['90s', '2026-01-15T11:58:30.000Z'],
    ['10m', '2026-01-15T11:50:00.000Z'],
    ['1h30m', '2026-01-15T10:30:00.000Z'],
    ['2d', '2026-01-13T12:00:00.000Z'],
    ['999999999d', '1970-01-01T00:00:00.000Z'],
    ['2026-01-15', '2026-01-15T00:00:00.000Z'],
    ['2026-01-15 09:30', '2026-01-15T09:30:00.000Z'],
    ['2026-01-15T09:30:01.5Z', '2026-01-15T09:30:01.500Z'],
    ['2026-01-15T09:30+02:00', '2026-01-15T07:30:00.000Z'],
  ] as const)
    assert.equal(readSince(text, now), expected, text);
  for (const text of ['', '10', 'm', '-1h', '1 h', 'now', '2026-13-45', '2026-01-15T25:00', '10m\n'])
    assert.throws(() => readSince(text, now), /as 10m, 1h30m/, text);
});
