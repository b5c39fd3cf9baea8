// To lower oom_score_adj takes CAP_SYS_RESOURCE. So the function has a file of its own here, and a build with another bound shows who calls it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { leaveMemoryProtection } from '../../shared/sys/process-control.js';
import { postern } from '../harness/postern.js';
import { readableFile, type User, users } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

function left(value: string): string {
  const file = readableFile('oom_score_adj', value);
  leaveMemoryProtection(file);
  return readFileSync(file, 'latin1').trim();
}

/** A build that gives up a value above 0 too. That one takes no privilege to start with. */
const givesUpAll = mutantDist('only a value below 0 is given up');

/** @returns the values of the plugin and of init, where postern is started with 300 */
async function inside(user: User, dist?: string): Promise<string> {
  const { stdout, stderr } = await postern(
    ['run', '--', 'cat', '/proc/self/oom_score_adj', '/proc/1/oom_score_adj'],
    {
      as: user,
      inside: ['bash', '-c', 'echo 300 >/proc/self/oom_score_adj && exec "$@"', 'bash'],
      ...(dist !== undefined && { dist }),
    },
  );
  return stdout === '' ? stderr : stdout;
}

// proves: postern's own protection from a shortage of memory is not the plugin's
test('a value below 0 is given up, and another one stays', () => {
  assert.deepEqual(['-1000\n', '-1\n', '0\n', '300\n'].map(left), ['0', '0', '0', '300']);
});

for (const user of users) {
  test(`a plugin and its init keep a value above 0 (${user})`, async () => {
    assert.equal(await inside(user), '300\n300\n');
  });
  // proves: launch: the launcher, which becomes the plugin, gives that protection up
  // proves: launch: init gives that protection up
  test(`both give up what the function gives up (${user})`, async () => {
    assert.equal(await inside(user, givesUpAll), '0\n0\n');
  });
}
