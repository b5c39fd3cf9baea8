import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { asUser, distFor, type User, users } from '../harness/users.js';

const IDS = '0,0,2147483647';
/** Words that run a command on a host where a feature of the kernel is missing. */
const WITHOUT_USER_NAMESPACES = [
  ...[
    'unshare',
    '--user',
    `--map-users=${IDS}`,
    `--map-groups=${IDS}`,
    '--setuid=0',
    '--setgid=0',
    '--keep-caps',
  ],
  ...['sh', '-c', 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', 'sh'],
];
const hiding = (path: string): string[] => [
  ...['unshare', '--mount', 'sh', '-c', `mount --bind /dev/null ${path} && exec "$@"`, 'sh'],
];
const library = (name: string): string =>
  realpathSync(join('/usr/lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`, name));

function runIn(
  host: readonly string[],
  user: User,
): { status: number | null; stdout: string; stderr: string } {
  const main = join(distFor(user), 'run/postern.js');
  const [command = '', ...args] = [
    ...host,
    ...asUser(user),
    process.execPath,
    main,
    'run',
    '--',
    'echo',
    'started',
  ];
  return spawnSync(command, args, { cwd: '/', encoding: 'utf8', timeout: 60_000 * PATIENCE });
}

/** postern prints one line that names the fix, exits with 125, and starts nothing. */
function refusedWith(result: ReturnType<typeof runIn>, what: RegExp): void {
  assert.equal(result.status, 125, result.stderr);
  assert.equal(result.stdout, '');
  assert.match(result.stderr, what);
  assert.match(result.stderr, /^postern: [^\n]+; [^\n]+\n$/, 'one line, with its fix');
}

const needsRoot = users.includes('root') ? false : 'needs root, to take something away from the host';

for (const user of users) {
  test(`a host without user namespaces gets the name of the setting that forbids them (${user})`, {
    skip: needsRoot,
  }, () => {
    refusedWith(runIn(WITHOUT_USER_NAMESPACES, user), /step namespaces.*sysctl -w user\.max_user_namespaces/);
  });

  test(`a host without libseccomp or libcap-ng gets the name of the package (${user})`, {
    skip: needsRoot,
  }, () => {
    refusedWith(
      runIn(hiding(library('libseccomp.so.2')), user),
      /Cannot load "libseccomp\.so\.2".*libseccomp2/,
    );
    // A test becomes another user by setpriv(1), which needs libcap-ng itself.
    if (user === 'root')
      refusedWith(
        runIn(hiding(library('libcap-ng.so.0')), user),
        /Cannot load "libcap-ng\.so\.0".*libcap-ng0/,
      );
  });
}

for (const user of anyUser) {
  test(`a host without unshare(1) gets the name of the package (${user})`, { skip: needsRoot }, () => {
    refusedWith(runIn(hiding('/usr/bin/unshare'), user), /step namespaces.*util-linux/);
  });

  test(`a kernel that is too old is named, with the oldest one that works (${user})`, () => {
    refusedWith(
      runIn(['setarch', '--uname-2.6'], user),
      /needs Linux 5\.14 or newer, and this is linux 2\.6/,
    );
  });
}
