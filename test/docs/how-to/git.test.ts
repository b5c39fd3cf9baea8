import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readableFolder } from '../../harness/users.js';
import { own, serverFolder, stopServer } from '../../interop/server.js';
import { startSshd } from '../../interop/ssh-server.js';
import { type Internet, startInternet } from '../internet.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/git.md');
const SITE = 'git.example.com';
const sites = readableFolder();
const repositories = serverFolder();

let internet: Internet;
before(async () => {
  internet = await startInternet({ names: [SITE], users: { git: repositories }, folder: sites });
  makeRepository();
});
after(() => internet.close());

/** A repository as a web server of files shows it, gitrepository-layout(5), and as git's own server does. */
function makeRepository(): void {
  const work = readableFolder();
  const bare = join(sites, SITE, 'project.git');
  const git = (...words: string[]): void => {
    const identity = [
      '-c',
      'user.name=Test',
      '-c',
      'user.email=test@example.com',
      '-c',
      'commit.gpgsign=false',
    ];
    const env = { PATH: process.env['PATH'], HOME: work, GIT_CONFIG_NOSYSTEM: '1' };
    execFileSync('git', [...identity, ...words], { cwd: work, env, stdio: 'ignore' });
  };
  writeFileSync(join(work, 'README'), 'cloned\n');
  git('init', '--quiet');
  git('add', 'README');
  git('commit', '--quiet', '--message', 'first');
  git('clone', '--quiet', '--bare', work, bare);
  git('--git-dir', bare, 'update-server-info');
  cpSync(bare, join(repositories, 'project.git'), { recursive: true });
  if (process.geteuid?.() === 0) execFileSync('chown', ['-R', '65534:65534', repositories]);
}

test('git clones over https', async (t) => {
  const cwd = readableFolder();
  const { text } = page.commands('https://git.example.com');
  const { status, stderr } = await runCommands(t, text, { cwd, within: internet.within });
  assert.equal(status, 0, stderr);
  assert.equal(readFileSync(join(cwd, 'project/README'), 'utf8'), 'cloned\n');
});

test('git clones over ssh with the key of a kept home', async (t) => {
  const folder = serverFolder();
  const sshd = await startSshd({
    folder,
    addresses: [internet.addresses[SITE] ?? ''],
    port: 22,
    command: 'git-shell -c "$SSH_ORIGINAL_COMMAND"',
    inside: internet.site,
  });
  t.after(() => stopServer(sshd.child));
  const cwd = readableFolder();
  const { within } = internet;
  const made = await runCommands(t, page.commands('ssh-keygen').text, { cwd, within });
  assert.equal(made.status, 0, made.stderr);
  const authorized = join(folder, 'authorized');
  writeFileSync(authorized, readFileSync(join(cwd, 'git-home/.ssh/id_ed25519.pub')));
  own(authorized);
  const { status, stderr } = await runCommands(t, page.commands('git@git').text, { cwd, within });
  assert.equal(status, 0, stderr);
  assert.equal(readFileSync(join(cwd, 'work/project/README'), 'utf8'), 'cloned\n');
});

testThatAllWasRun(page);
