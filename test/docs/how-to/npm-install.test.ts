import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { postern } from '../../harness/postern.js';
import { readableFolder } from '../../harness/users.js';
import { Page, testThatAllWasRun } from '../page.js';
import { REGISTRY, specialWords } from '../registry.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/npm-install.md');
const install = page.commands('npm install').text.replace(REGISTRY, [REGISTRY, ...specialWords()].join(' '));

test('npm installs from the registry what the project needs', async (t) => {
  const cwd = readableFolder();
  const { scripts: _, ...project } = JSON.parse(page.file('package.json'));
  writeFileSync(join(cwd, 'package.json'), JSON.stringify(project));
  const { status, stderr } = await runCommands(t, install, { cwd });
  assert.equal(status, 0, stderr);
  assert.ok(existsSync(join(cwd, 'node_modules/is-odd/index.js')));
});

test('a script that reaches elsewhere fails, and the line is as shown', async (t) => {
  const cwd = readableFolder();
  page.writeFiles(cwd, 'package.json');
  const { status, stderr } = await runCommands(t, install, { cwd });
  assert.notEqual(status, 0);
  const told = stderr.split('\n').filter((line) => line.startsWith('postern: '));
  assert.deepEqual(
    new Set(told.map((line) => line.replace(/pid \d+/, 'pid 123'))),
    new Set([page.output('postern: ').trimEnd()]),
  );
});

test('npm tries a registry that no rule opens once, and another one as usual', async () => {
  for (const [allow, tries] of [
    [[], '0'],
    [['--allow', REGISTRY], '2'],
  ] as const) {
    const words = ['run', ...allow, '--', 'npm', 'config', 'get', 'fetch-retries'];
    const { stdout, stderr } = await postern(words, { as: 'user', cwd: readableFolder() });
    assert.equal(stdout, `${tries}\n`, stderr);
  }
});

testThatAllWasRun(page);
