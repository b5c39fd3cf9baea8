import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readableFolder } from '../harness/users.js';
import { Project } from '../interop/project.js';
import { Page, testThatAllWasRun } from './page.js';
import { REGISTRY, specialWords } from './registry.js';
import { runCommands } from './run-commands.js';

const page = new Page('docs/library.md');
const HOME = '~/everything';

test('the host runs a published MCP server, and shows what was refused', async (t) => {
  const project = new Project();
  const rules = [REGISTRY, ...specialWords().filter((word) => word !== '--allow')];
  const host = page
    .file('mcp-host.mjs')
    .replace(`'${REGISTRY}'`, rules.map((rule) => `'${rule}'`).join(', '));
  writeFileSync(join(project.folder, 'mcp-host.mjs'), host);
  const { text, shown } = page.commands('mcp-host.mjs');
  assert.ok(text.includes(HOME));
  const home = join(readableFolder(), 'everything');
  const ran = await runCommands(t, text.replace(HOME, home), { cwd: project.folder });
  assert.deepEqual([ran.status, ran.stdout], [0, shown], ran.stderr);
});

testThatAllWasRun(page);
