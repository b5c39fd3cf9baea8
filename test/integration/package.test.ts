import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { asUser, distFor, readableFolder, users } from '../harness/users.js';

const top = join(distFor('root'), '..');

test('the packed tarball, installed in an empty folder, gives a command that runs a program', () => {
  const folder = readableFolder();
  const npm = (...args: string[]): void => {
    const { status, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  npm('pack', top, '--ignore-scripts', '--pack-destination', folder);
  npm('init', '-y');
  npm('install', '--no-audit', '--no-fund', './postern-0.1.0.tgz');
  for (const user of users) {
    const words = [
      ...asUser(user),
      join(folder, 'node_modules/.bin/postern'),
      'run',
      '--',
      'echo',
      'it runs',
    ];
    const [command = '', ...args] = words;
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
    assert.equal(stdout, 'it runs\n', stderr);
    assert.equal(status, 0);
  }
});
