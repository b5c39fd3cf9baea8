import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../../harness/free-port.js';
import { until } from '../../harness/until.js';
import { asUser, chownTo, readableFolder } from '../../harness/users.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands, startCommands } from '../run-commands.js';

const page = new Page('docs/how-to/page.md');

test('up serves the page, and the commands show what it shows', async (t) => {
  const [folder, runtime] = [readableFolder(), readableFolder()];
  for (const one of [folder, runtime]) chownTo('user', one);
  // Another test may have the port of the page.
  const port = await freePort();
  const text = page.block('yaml').replace('9465', `${port}`);
  page.writeFiles(folder, 'postern.yaml');
  writeFileSync(join(folder, 'postern.yaml'), text);
  const where = { cwd: folder, within: asUser('user'), env: { XDG_RUNTIME_DIR: runtime } };
  const up = startCommands(t, page.commands('postern up').text, where);
  const told = async (command: string): Promise<string> => (await runCommands(t, command, where)).stdout;
  const link = await until(
    async () => /^http.*$/m.exec(await told(page.commands('postern ui').text))?.[0],
    30_000,
  );
  assert.ok(link.startsWith(`http://127.0.0.1:${port}/#token=`), link);
  assert.match(await (await fetch(link)).text(), /<script src="\/page\.js" defer>/);
  const [rules = '', connections = ''] = page.commands('--unused').lines;
  assert.match(await told(rules), /^fetcher +allow +unused +- +api\.example\.com$/m);
  assert.deepEqual(JSON.parse(await told(connections)), { connections: [], more: 0 });
  const { status, stderr } = await runCommands(t, page.commands('--html').text, where);
  assert.equal(status, 0, stderr);
  for (const name of ['report', 'run', 'learnt']) {
    const html = readFileSync(join(folder, `${name}.html`), 'utf8');
    assert.match(html, /<h2>Time line<\/h2>/);
    assert.equal(html.includes('192.0.2.7:80'), name === 'report');
  }
  up.child.kill('SIGTERM');
  assert.equal((await up.result).status, 0);
});

testThatAllWasRun(page);
