import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../harness/until.js';
import { asUser, chownTo, readableFolder } from '../../harness/users.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands, startCommands } from '../run-commands.js';

const page = new Page('docs/how-to/start-order.md');

test('the plugins start in their order, and the operator sees what the server says', async (t) => {
  const [folder, runtime] = [readableFolder(), readableFolder()];
  for (const one of [folder, runtime]) chownTo('user', one);
  page.writeFiles(folder, 'postern.yaml');
  const where = { cwd: folder, within: asUser('user'), env: { XDG_RUNTIME_DIR: runtime } };
  const { child, result } = startCommands(t, page.commands('postern up').text, where);
  let said = '';
  child.stdout?.on('data', (text: string) => {
    said += text;
  });
  await until(() => said.includes('asks the server') || undefined, 60_000);
  assert.deepEqual(said.trim().split('\n'), [
    'migrate | migrated',
    'server | warming up',
    'client | asks the server',
  ]);
  const control = join(runtime, 'postern/postern.sock');
  const { stdout } = await runCommands(t, `postern status --control ${control}`, where);
  assert.match(stdout, /^server +running .* serves 3 tables$/m);
  child.kill('SIGTERM');
  assert.equal((await result).status, 0);
});

testThatAllWasRun(page);
