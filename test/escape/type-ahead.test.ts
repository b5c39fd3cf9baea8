import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { anyUser, twin } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFile, type User } from '../harness/users.js';

const through = [
  '/usr/bin/python3',
  readableFile('type-ahead.py', readFileSync(new URL('type-ahead.py', import.meta.url), 'utf8')),
];
const LEGACY = '/proc/sys/dev/tty/legacy_tiocsti';
/** Whether this kernel lets any process type into its terminal. Before 6.2 every kernel did. */
const types = !existsSync(LEGACY) || readFileSync(LEGACY, 'utf8').trim() === '1';

async function attempt(user: User, without?: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await postern(['run'], {
    as: user,
    through,
    ...(without === undefined ? {} : { without }),
  });
  const found = [...stdout.matchAll(/^result (\S+) (.*)$/gm)];
  return Object.fromEntries(found.map(([, name = '', value = '']) => [name, value]));
}

for (const user of anyUser) {
  // proves: seccomp.ioctl_console
  test(`a plugin types nothing into a terminal, and takes none from its user (${user})`, async () => {
    const attempts = ['sti', 'sti_high', 'paste', 'keyboard', 'switch', 'discipline'];
    assert.deepEqual(await attempt(user), {
      ...Object.fromEntries(attempts.map((name) => [name, 'EPERM'])),
      read: '<>',
    });
  });
}
twin('without the filter it types into its own terminal alone (user)', async () => {
  const found = await attempt('user', ['seccomp.ioctl_terminal', 'seccomp.ioctl_console']);
  assert.equal(found['sti'], types ? 'ok' : 'EIO');
  assert.equal(found['read'], '<>');
  assert.equal(found['discipline'], 'ok');
  assert.equal(found['keyboard'], 'ENOTTY', 'a terminal that is no console');
});
