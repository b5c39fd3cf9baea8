// needs: bubblewrap
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readableFolder } from '../../harness/users.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/sandboxes-inside.md');

for (const [name, word] of [
  ['bubblewrap makes no namespace', 'bwrap'],
  ['Landlock narrows what a program may do', 'setpriv'],
] as const)
  test(`inside a sandbox ${name}`, async (t) => {
    const { text, shown } = page.commands(word);
    const cwd = readableFolder();
    const inside = await runCommands(t, text, { cwd });
    assert.notEqual(inside.status, 0);
    assert.ok(inside.stderr.includes(shown.trimEnd()), inside.stderr);
  });

test('outside bubblewrap makes one', async (t) => {
  const { text } = page.commands('bwrap');
  const outside = await runCommands(t, text.replace('postern run -- ', ''), { cwd: readableFolder() });
  assert.deepEqual(outside, { status: 0, stdout: '', stderr: '' });
});

test('a browser whose own sandbox is on does not start', async (t) => {
  const command = "postern run -- chromium-headless-shell --dump-dom 'data:text/html,<p>it renders</p>'";
  const where = { cwd: readableFolder() };
  const { status, stdout } = await runCommands(t, command, where);
  assert.notEqual(status, 0);
  assert.ok(!stdout.includes('it renders'), stdout);
  const off = await runCommands(t, command.replace('--dump-dom', '--no-sandbox --dump-dom'), where);
  assert.match(off.stdout, /it renders/, off.stderr);
});

testThatAllWasRun(page);
