import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../../harness/free-port.js';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands, startCommands } from '../run-commands.js';

const page = new Page('docs/how-to/serving.md');

test('the server answers, also the request that comes while it is down', async (t) => {
  const cwd = readableFolder();
  const port = String(await freePort());
  const here = (text: string): string => text.replaceAll('8080', port);
  page.writeFiles(cwd, 'server.mjs');
  writeFileSync(join(cwd, 'postern.yaml'), `${here(page.file('postern.yaml'))}control: off\n`);
  const up = startCommands(t, page.commands('postern up').text, { cwd });
  await until(
    () =>
      fetch(`http://127.0.0.1:${port}/`)
        .then(() => true)
        .catch(() => undefined),
    40_000,
  );
  const { text, shown } = page.commands('curl');
  const asked = await runCommands(t, here(text), { cwd });
  assert.deepEqual([asked.status, asked.stdout], [0, shown], asked.stderr);
  up.child.kill('SIGTERM');
  const { status, stderr } = await up.result;
  assert.equal(status, 0, stderr);
});

testThatAllWasRun(page);
