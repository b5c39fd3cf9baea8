// needs: openssl
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { postern } from '../../harness/postern.js';
import { asUser, chownTo, readableFolder } from '../../harness/users.js';
import { type Internet, startInternet } from '../internet.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/policy.md');
const sites = readableFolder();
const SITE = 'policy.example.com';
let internet: Internet;
before(async () => {
  mkdirSync(join(sites, SITE));
  internet = await startInternet({ names: [SITE, 'api.example.com'], folder: sites });
});
after(() => internet.close());

test('a policy is signed by openssl, tried, fetched over HTTPS, and bounds the file', async (t) => {
  const [folder, state] = [readableFolder(), readableFolder()];
  for (const path of [folder, state]) chownTo('user', path);
  page.writeFiles(folder, 'policy.yaml', 'postern.yaml');
  const where = { cwd: folder, within: asUser('user') };
  for (const word of ['genpkey', 'pkeyutl', 'check --within']) {
    const { status, stderr } = await runCommands(t, page.commands(word).text, where);
    assert.equal(status, 0, stderr);
  }
  writeFileSync(join(sites, SITE, 'signed.yaml'), readFileSync(join(folder, 'signed.yaml')));
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', XDG_STATE_HOME: state };
  const up = (): ReturnType<typeof postern> =>
    postern(['up', join(folder, 'postern.yaml')], { as: 'user', cwd: folder, env, inside: internet.within });
  const first = await up();
  assert.match(first.stdout, /served api\.example\.com/, first.stderr);
  assert.match(first.stderr, /signed policy: the policy with serial 1 is in force/);
  const file = readFileSync(join(folder, 'postern.yaml'), 'utf8');
  writeFileSync(
    join(folder, 'postern.yaml'),
    file.replace('[api.example.com]', '[api.example.com, other.example.net]'),
  );
  assert.match((await up()).stderr, /agent: "other\.example\.net" goes beyond the signed policy/);
});

testThatAllWasRun(page);
