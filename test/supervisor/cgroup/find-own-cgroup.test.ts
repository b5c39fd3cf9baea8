import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findOwnCgroup } from '../../../sandbox/supervisor/cgroup/survey-cgroup.js';

const HOST = '30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n';

test('findOwnCgroup() finds the folder of the own group below the mount of cgroup v2', () => {
  const scope = '0::/user.slice/user-1000.slice/one.scope\n';
  assert.equal(findOwnCgroup(scope, HOST), '/sys/fs/cgroup/user.slice/user-1000.slice/one.scope');
  assert.equal(findOwnCgroup('0::/\n', HOST), '/sys/fs/cgroup');
  const both = `25 22 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
31 22 0:26 / /sys/fs/cgroup/unified rw shared:9 master:1 - cgroup2 cgroup2 rw\n`;
  assert.equal(findOwnCgroup('4:memory:/one\n0::/two\n', both), '/sys/fs/cgroup/unified/two');
});

test('findOwnCgroup() handles a mount of a part of the tree, and a name with blanks', () => {
  const part = '30 22 0:26 /one\\040two /mnt/a\\040b rw - cgroup2 cgroup2 rw\n';
  assert.equal(findOwnCgroup('0::/one two/three\n', part), '/mnt/a b/three');
  assert.equal(findOwnCgroup('0::/elsewhere\n', part), undefined);
  assert.equal(findOwnCgroup('0::/one two and more\n', part), undefined);
});

test('findOwnCgroup() finds no folder without cgroup v2, or outside of its cgroup namespace', () => {
  assert.equal(findOwnCgroup('4:memory:/one\n', HOST), undefined);
  assert.equal(
    findOwnCgroup('0::/one\n', '25 22 0:30 / /sys/fs/cgroup rw - cgroup cgroup rw,memory\n'),
    undefined,
  );
  assert.equal(findOwnCgroup('0::/../other\n', HOST), undefined);
});
