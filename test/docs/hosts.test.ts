import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readableFolder } from '../harness/users.js';
import { Page, testThatAllWasRun } from './page.js';
import { runCommands } from './run-commands.js';

const page = new Page('docs/hosts.md');

test('doctor finds this host fit', async (t) => {
  const { text } = page.commands('doctor');
  const { status, stdout } = await runCommands(t, text, { cwd: readableFolder() });
  assert.equal(status, 0, stdout);
  assert.match(stdout, /^This host can run postern/m);
});

testThatAllWasRun(page);
