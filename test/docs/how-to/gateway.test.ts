import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readableFolder } from '../../harness/users.js';
import { type Internet, startInternet } from '../internet.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/gateway.md');
const [sites, cwd, kept] = [readableFolder(), readableFolder(), readableFolder()];

let internet: Internet;
before(async () => {
  mkdirSync(join(sites, 'api.github.com/repos/example'), { recursive: true });
  writeFileSync(join(sites, 'api.github.com/repos/example/site'), '{"name": "site"}\n');
  internet = await startInternet({ names: ['api.github.com', 'pypi.org'], folder: sites });
});
after(() => internet.close());

test('the agent calls what the rules permit, and is told what they do not', async (t) => {
  const key = join(kept, 'token');
  writeFileSync(key, 'ghs_not-for-the-agent\n', { mode: 0o600 });
  page.writeFiles(cwd, 'agent.sh');
  const config = page.file('postern.yaml');
  assert.ok(config.includes('/etc/postern/github-token'));
  writeFileSync(join(cwd, 'postern.yaml'), config.replace('/etc/postern/github-token', key));
  const { stdout, stderr } = await runCommands(t, page.commands('postern up').text, {
    cwd,
    within: internet.within,
  });
  const [answer, refusal] = stdout.split('\n').map((line) => line.replace(/^agent \| /, ''));
  assert.equal(answer, '{"name": "site"}', stderr);
  assert.equal(JSON.parse(refusal ?? '').suggestion, 'DELETE /repos/example/site');
  assert.match(stderr, /refused DELETE \/repos\/example\/site of api\.github\.com: method_not_allowed/);
});

testThatAllWasRun(page);
