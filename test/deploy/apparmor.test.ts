// The AppArmor profiles, as far as the parser tells without a kernel that has AppArmor.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { distFor } from '../harness/users.js';

const deploy = join(distFor('root'), '../deploy');

function parsed(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('/usr/sbin/apparmor_parser', words, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

for (const [file, name] of [
  ['debian/apparmor', 'postern'],
  ['container/apparmor', 'postern-container'],
] as const)
  test(`AppArmor reads deploy/${file}, whose name is ${name}`, () => {
    const path = join(deploy, file);
    parsed('--skip-kernel-load', '--skip-cache', path);
    assert.equal(parsed('--names', path).trim(), name);
  });

test('the profile for containers permits what a sandbox is made of, and not the settings of the host', () => {
  const rules = readFileSync(join(deploy, 'container/apparmor'), 'utf8')
    .split('\n')
    .map((line) => line.trim());
  const own = ['userns,', 'mount,', 'umount,', 'pivot_root,'];
  for (const rule of [...own, 'deny @{PROC}/sys/[^ku]** w,', 'deny /sys/[^fu]*/** wklx,'])
    assert.ok(rules.includes(rule), rule);
});
