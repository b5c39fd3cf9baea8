import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../harness/until.js';
import { asUser, chownTo, readableFolder } from '../../harness/users.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands, startCommands } from '../run-commands.js';

const page = new Page('docs/how-to/operate.md');

test('the commands show and steer the running postern', async (t) => {
  // As an ordinary user: the sockets of root's tests have one folder.
  const [folder, runtime] = [readableFolder(), readableFolder()];
  for (const one of [folder, runtime]) chownTo('user', one);
  page.writeFiles(folder, 'postern.yaml');
  const where = { cwd: folder, within: asUser('user'), env: { XDG_RUNTIME_DIR: runtime } };
  const up = startCommands(t, page.commands('postern up').text, where);
  await until(() => existsSync(join(runtime, 'postern/postern.sock')) || undefined, 30_000);
  const [status = '', logs = '', denials = '', connections = '', top = '', learn = '', ...more] =
    page.commands('postern status').lines;
  const [explain = '', audit = ''] = more;
  const told = async (command: string, expected = 0): Promise<string> => {
    const { status: code, stdout, stderr } = await runCommands(t, command, where);
    assert.equal(code, expected, `${command}: ${stderr}`);
    return stdout;
  };
  await until(async () => ((await told(status)).match(/ running /g)?.length === 2 ? true : undefined));
  await until(async () => / reports \| reporting$/m.test(await told(logs)) || undefined);
  const shown = await until(async () => {
    const text = await told(denials);
    return text.includes('192.0.2.7:80') ? text : undefined;
  });
  assert.match(shown, /^fetcher +\d+ .* no_rule +"192\.0\.2\.7:80"$/m);
  assert.equal(await told(connections), 'no connection is open\n');
  assert.match(await told(top), /\nPLUGIN +STATE [\s\S]*^fetcher +running /m);
  assert.match(await told(learn), /^learnt no rule: .*\nnote: no rule is suggested for this: .*192\.0\.2\.7/);
  assert.match(await told(explain, 1), /reason +no_rule/);
  assert.match(await told(audit), /Z fetcher: Cannot connect to "192\.0\.2\.7:80": .*; to allow it: add /);
  const file = join(folder, 'postern.yaml');
  const rule = '    allow: ["192.0.2.7:80"]\n  reports:';
  writeFileSync(file, readFileSync(file, 'utf8').replace('  reports:', rule));
  chmodSync(file, 0o644);
  assert.equal(
    await told(page.commands('postern reload').text),
    'changed: fetcher\nfetcher: opens 192.0.2.7:80\n',
  );
  assert.match(
    await told(page.commands('postern stop').text),
    /^"fetcher" is stopped\n"fetcher" was started\n"reports" runs already\n"reports" was restarted\n$/,
  );
  up.child.kill('SIGTERM');
  assert.equal((await up.result).status, 0);
});

testThatAllWasRun(page);
