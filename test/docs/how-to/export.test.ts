// needs: curl
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asUser, chownTo, readableFolder } from '../../harness/users.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/export.md');

test('the file of headers is made where no plugin sees it, and check takes it', async (t) => {
  const folder = readableFolder();
  page.writeFiles(folder, 'postern.yaml');
  chownTo('user', folder);
  const where = { cwd: folder, within: asUser('user') };
  const { status, stdout, stderr } = await runCommands(t, `TOKEN=x\n${page.commands('check').text}`, where);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /1 plugin, 1 rule, 0 warnings/);
});

testThatAllWasRun(page);
