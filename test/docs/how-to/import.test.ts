import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { asUser, chownTo, readableFolder } from '../../harness/users.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/import.md');

/** Files of a user of these tools. */
const FILES = {
  '.srt-settings.json':
    '{"network": {"allowedDomains": ["registry.npmjs.org"]}, "filesystem": {"allowWrite": ["."]}}',
  'acl.yaml': 'version: v1\nservices: [{name: site, action: enforce, allowed_domains: [api.example.com]}]\n',
  '.config/Code/User/settings.json': '{"chat.agent.allowedNetworkDomains": ["api.example.com"], /* own */}',
};

test('the settings of each tool become a configuration', async (t) => {
  const folder = readableFolder();
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  chownTo('user', folder);
  const where = { cwd: folder, within: asUser('user'), env: { HOME: folder } };
  const [srt, smokescreen, vscode] = page.commands('postern import').text.split('\n');
  const printed = await runCommands(t, srt ?? '', where);
  assert.match(printed.stdout, /registry\.npmjs\.org:\*/);
  for (const command of [smokescreen, vscode]) {
    const file = `${folder}/of-${command?.split(' ')[2]}.yaml`;
    const { status, stderr } = await runCommands(t, (command ?? '').replace('postern.yaml', file), where);
    assert.equal(status, 0, stderr);
    assert.match(readFileSync(file, 'utf8'), /api\.example\.com:\*/);
  }
  const run = page.commands('--srt-settings').text.replace('FILE', '.srt-settings.json');
  const { status, stderr } = await runCommands(t, run.replace('COMMAND', 'true'), where);
  assert.equal(status, 0, stderr);
});

testThatAllWasRun(page);
