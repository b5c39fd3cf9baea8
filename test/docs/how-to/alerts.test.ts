import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROWS } from '../../../deploy/grafana/dashboard.js';
import { readableFolder } from '../../harness/users.js';
import { Page, TOP, testThatAllWasRun } from '../page.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/alerts.md');

test('the commands check the rules', async (t) => {
  const folder = join(readableFolder(), 'prometheus');
  cpSync(join(TOP, 'deploy/prometheus'), folder, { recursive: true });
  const { status, stdout, stderr } = await runCommands(t, page.commands('promtool').text, { cwd: folder });
  assert.equal(status, 0, stdout + stderr);
});

test('the page has every alert, and every row of the dashboard', () => {
  const rules = readFileSync(join(TOP, 'deploy/prometheus/postern.rules.yml'), 'utf8');
  const alerts = [...rules.matchAll(/alert: (\w+)/g)].map(([, name = '']) => name);
  const shown = [...page.text.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name);
  assert.deepEqual(shown, alerts);
  for (const { title } of ROWS) assert.ok(page.text.includes(`- ${title}`), title);
});

testThatAllWasRun(page);
