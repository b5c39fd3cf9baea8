// A plugin does not find the descriptors, IPC and processes of the user who starts postern.
// proves: G17
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { twin, userInTurn } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { asUser, readableFile, users } from '../harness/users.js';

const text = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
const host = ['/usr/bin/python3', readableFile('host-with-resources.py', text('host-with-resources.py'))];
const program = ['/usr/bin/python3', '-c', text('host-resources.py')];
/** System V and POSIX IPC, and files in memory. */
const SHARED = ['shm', 'msg', 'sem', 'mqueue', 'dev_shm'];

function findingsOf(stdout: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...stdout.matchAll(/^result (\S+) (.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

for (const [turn, egress] of ['channel', 'transparent'].entries()) {
  for (const user of userInTurn(turn)) {
    test(`descriptors, IPC and processes of the host are not there inside (${egress}, ${user})`, async () => {
      const { stdout, stderr } = await postern(['run', '--egress', egress, '--', ...program], {
        as: user,
        through: host,
      });
      const { peer_signal, peer_file, peer_enter, peer_network, ...found } = findingsOf(stdout);
      if (peer_signal !== undefined) {
        assert.deepEqual([peer_signal, peer_file, peer_enter], ['EINVAL', 'EPERM', 'EPERM']);
        assert.match(peer_network ?? '', /^(?:EACCES|EPERM|ENOTTY)$/);
      }
      assert.deepEqual(
        found,
        {
          ready: 'yes',
          descriptors: '0 1 2 3 4',
          ...Object.fromEntries(SHARED.map((name) => [name, 'ENOENT'])),
          ...{ kill: 'ESRCH', sigqueue: 'ESRCH', pidfd: 'ESRCH', proc: 'ENOENT', priority: 'ESRCH' },
          bystander: 'lives',
        },
        stderr,
      );
    });
  }
}

twin('all of them are there for a program without a sandbox', async () => {
  const [user = 'user'] = users;
  const [command = '', ...words] = [...asUser(user), ...host, ...program];
  const { stdout, stderr } = spawnSync(command, words, { encoding: 'utf8', cwd: '/' });
  const { descriptors = '', peer_signal, peer_file, peer_enter, peer_network, ...rest } = findingsOf(stdout);
  const handles = [peer_signal, peer_file, peer_enter, peer_network];
  assert.ok(peer_signal === undefined || peer_signal === 'ok', handles.join(' '));
  assert.match(descriptors, /^0 1 2 3 4 .* 200 201 202 .*300$/, stderr);
  const resources = [...SHARED, 'kill', 'sigqueue', 'pidfd', 'proc', 'priority'];
  assert.deepEqual(rest, {
    ready: 'yes',
    ...Object.fromEntries(resources.map((name) => [name, 'ok'])),
    bystander: 'lives',
  });
});
