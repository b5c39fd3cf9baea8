import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../harness/until.js';
import { Project } from '../interop/project.js';
import { type Internet, startInternet } from './internet.js';
import { Page, testThatAllWasRun } from './page.js';
import { runCommands } from './run-commands.js';

const page = new Page('docs/client-library.md');
const project = new Project();
page.writeFiles(project.folder, 'fetch.mjs', 'get.mjs');

let internet: Internet;
before(async () => {
  internet = await startInternet({ names: ['example.com', 'tracker.example.net'] });
});
after(() => internet.close());

for (const file of ['fetch.mjs', 'get.mjs']) {
  test(`${file} prints what is shown, and reaches nobody else`, async (t) => {
    const { text, shown } = page.commands(file);
    const { within, env } = internet;
    const before = internet.connections().length;
    const ran = await runCommands(t, text, { cwd: project.folder, within, env });
    assert.deepEqual([ran.status, ran.stdout], [0, shown], ran.stderr);
    await until(() => internet.connections().length > before || undefined);
    assert.deepEqual(new Set(internet.connections()), new Set(['example.com:443']));
  });
}

testThatAllWasRun(page);
