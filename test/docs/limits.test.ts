import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMIT_FORMS, type LimitForm } from '../../shared/config/limit-forms.js';
import { readableFolder } from '../harness/users.js';
import { Page, testThatAllWasRun } from './page.js';
import { runCommands } from './run-commands.js';

const page = new Page('docs/limits.md');

test('the table has every limit, with its default', () => {
  const rows = page.text
    .split('\n')
    .map((line) => /^\| `(\w+)` \|[^|]*\| (\w+) \|/.exec(line))
    .flatMap((match) => (match === null ? [] : [[match[1], match[2]]]));
  const forms = Object.entries<LimitForm>(LIMIT_FORMS).map(([name, form]) => [
    name,
    String(form.default ?? 'none'),
  ]);
  assert.deepEqual(rows.sort(), forms.sort());
});

test('the limits of the example hold', async (t) => {
  const { text, shown } = page.commands('--limit');
  const { status, stdout, stderr } = await runCommands(t, text, { cwd: readableFolder() });
  assert.deepEqual([status, stdout + stderr], [1, shown]);
});

testThatAllWasRun(page);
