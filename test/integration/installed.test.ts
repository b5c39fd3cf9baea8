// The packed tarball, installed as a user does, under the Node that runs the tests. The stages of npm run deep that have another Node run it, too.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { VERSION } from '../../shared/bundles.js';
import { userInTurn } from '../harness/asked.js';
import { environmentOf } from '../harness/nodes.js';
import { asUser, distFor, readableFolder, users } from '../harness/users.js';

const top = join(distFor('root'), '..');

function npm(folder: string, ...args: string[]): void {
  const env = environmentOf(process.execPath);
  const { status, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8', env });
  assert.equal(status, 0, stderr);
}

let packed: string | undefined;

/** @returns the path of the tarball */
function tarball(): string {
  if (packed !== undefined) return packed;
  const folder = readableFolder();
  npm(folder, 'pack', top, '--ignore-scripts', '--pack-destination', folder);
  packed = join(folder, `postern-${VERSION}.tgz`);
  return packed;
}

test('installed for all users, the command works, by a link and in a path with blanks too', () => {
  const folder = readableFolder();
  const prefix = join(folder, 'a prefix');
  mkdirSync(prefix);
  npm(folder, 'install', '-g', '--prefix', prefix, '--no-audit', '--no-fund', tarball());
  const installed = join(prefix, 'bin/postern');
  const link = join(folder, 'link to it');
  symlinkSync(installed, link);
  const env = environmentOf(process.execPath, { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' });
  const say = ['run', '--', 'echo', 'it runs'];
  for (const user of users) {
    for (const words of [[installed], [link], ['busybox', 'sh', installed], ['bash', link]]) {
      const [command = '', ...args] = [...asUser(user), ...words, ...say];
      const { stdout, stderr } = spawnSync(command, args, { cwd: '/', env, encoding: 'utf8' });
      assert.deepEqual({ stdout, stderr }, { stdout: 'it runs\n', stderr: '' }, `${words} (${user})`);
    }
    const [command = '', ...args] = [...asUser(user), 'postern', ...say];
    const found = { ...env, PATH: `${join(prefix, 'bin')}:${env['PATH']}` };
    const { stdout } = spawnSync(command, args, { cwd: '/', env: found, encoding: 'utf8' });
    assert.equal(stdout, 'it runs\n', `found in PATH (${user})`);
  }
  // npm puts the dependencies below it, or beside it.
  const packages = join(prefix, 'lib/node_modules');
  const below = join(packages, 'postern/node_modules');
  for (const name of readdirSync(below)) renameSync(join(below, name), join(packages, name));
  rmSync(below, { recursive: true });
  for (const user of users) {
    const [command = '', ...args] = [...asUser(user), installed, ...say];
    const { stdout, stderr } = spawnSync(command, args, { cwd: '/', env, encoding: 'utf8' });
    assert.deepEqual({ stdout, stderr }, { stdout: 'it runs\n', stderr: '' }, `hoisted (${user})`);
  }
});

test('the Action installs the package where the runner has none, and the next step finds it', () => {
  const [temp, path] = [readableFolder(), join(readableFolder(), 'path')];
  const env = environmentOf(process.execPath, {
    ...{ ...process.env, PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' },
    ...{ RUNNER_TEMP: temp, GITHUB_PATH: path, PACKAGE: tarball() },
  });
  const install = spawnSync('bash', [join(top, 'deploy/action/install.sh')], { env, encoding: 'utf8' });
  assert.equal(install.status, 0, install.stderr);
  const [user] = userInTurn(0);
  const [command = '', ...args] = [...asUser(user ?? 'user'), 'postern', 'run', '--', 'echo', 'it runs'];
  const next = { ...env, PATH: `${readFileSync(path, 'utf8').trim()}:${env['PATH']}` };
  const { stdout, stderr } = spawnSync(command, args, { cwd: '/', env: next, encoding: 'utf8' });
  assert.deepEqual({ stdout, stderr }, { stdout: 'it runs\n', stderr: '' });
});
