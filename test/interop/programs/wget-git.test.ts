import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PORTS } from './addresses.js';
import type { TestNetwork } from './network.js';
import { testProgram, useNetwork } from './program.js';

const network = useNetwork(async (made) => {
  makeRepository(made);
  return [];
});

/** A bare repository as a web server of files shows it, gitrepository-layout(5). */
function makeRepository({ folder }: TestNetwork): void {
  const work = join(folder, 'work');
  mkdirSync(work);
  writeFileSync(join(work, 'README'), 'cloned\n');
  const git = (...words: string[]): void => {
    const author = [
      '-c',
      'user.name=Test',
      '-c',
      'user.email=test@example.com',
      '-c',
      'commit.gpgsign=false',
    ];
    const env = { PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1' };
    execFileSync('git', [...author, ...words], { cwd: work, env, stdio: 'ignore' });
  };
  git('init', '--quiet');
  git('add', 'README');
  git('commit', '--quiet', '--message', 'first');
  git('clone', '--quiet', '--bare', work, join(folder, 'repository.git'));
  git('--git-dir', join(folder, 'repository.git'), 'update-server-info');
}

testProgram(network, {
  name: 'wget',
  ports: [PORTS.http],
  ask: (host) => `wget -nv -t 1 -O - http://${host}:${PORTS.http}/`,
  prints: /^welcome$/m,
  refused: {
    byName: { status: 4, says: /unable to resolve host address/ },
    byAddress: { status: 4, says: /failed: Permission denied/ },
  },
});

testProgram(network, {
  name: 'git clone',
  ports: [PORTS.http],
  ask: (host) => `git clone --quiet http://${host}:${PORTS.http}/repository.git && cat repository/README`,
  prints: /^cloned$/m,
  refused: {
    byName: { status: 128, says: /Could not resolve host/ },
    byAddress: { status: 128, says: /Failed to connect|Could not connect/ },
  },
});
