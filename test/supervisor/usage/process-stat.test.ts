import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readProcessStat } from '../../../sandbox/supervisor/usage/sandbox-use.js';

/** The fields from the state on: parent 7, times 10 + 20 + 300 + 4000, 3 threads, 500 pages. */
const REST = 'S 7 1 1 0 -1 4194560 1 2 3 4 10 20 300 4000 20 0 3 0 12345 1000000 500 18446744073709551615';
const EXPECTED = { parent: 7, threads: 3, ticks: 4330, pages: 500 };

// proves: top: the name of a process forges no number
test('readProcessStat() reads the fields behind the name, whatever the program calls itself', () => {
  for (const name of ['sh', '', ') S 1 1', ') R 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9', '(x) (y', 'a\nb', '\x1b[2J'])
    assert.deepEqual(readProcessStat(`42 (${name}) ${REST}`), EXPECTED, name);
});

test('readProcessStat() takes no text that no kernel writes', () => {
  for (const text of ['', '42', '42 (sh', '42 (sh) S', `42 (sh) ${REST.replace(' 500 ', ' -500 ')}`])
    assert.equal(readProcessStat(text), undefined, text);
  assert.equal(readProcessStat(`42 (sh) ${REST.replace(' 4000 ', ` ${'9'.repeat(40)} `)}`), undefined);
});

test('readProcessStat() reads what the kernel writes about this process', () => {
  const stat = readProcessStat(readFileSync('/proc/self/stat', 'latin1'));
  assert.equal(stat?.parent, process.ppid);
  assert.ok(stat.threads >= 1 && stat.pages > 1000 && stat.ticks > 0, JSON.stringify(stat));
});
