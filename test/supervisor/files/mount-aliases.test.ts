import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountAliases } from '../../../sandbox/supervisor/files/host-files.js';

const MOUNTS = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
30 22 8:1 /srv/data /mnt/again rw - ext4 /dev/sda1 rw
31 22 8:1 /srv/data/keys /mnt/with\\040blank rw - ext4 /dev/sda1 rw
32 22 8:1 /srv /mnt/covered rw - ext4 /dev/sda1 rw
33 32 0:40 / /mnt/covered/data rw - tmpfs tmpfs rw
34 22 8:2 /srv/data /mnt/other-disk rw - ext4 /dev/sdb1 rw
35 22 0:50 / /vault/inner rw - tmpfs tmpfs rw
36 22 0:50 /part /mnt/part rw - tmpfs tmpfs rw
37 22 0:50 / /vault/again rw - tmpfs tmpfs rw
38 22 0:51 / /loop rw - tmpfs tmpfs rw
39 38 0:51 / /loop/own/deep rw - tmpfs tmpfs rw
`;

test('mountAliases() finds the file below each other mount that shows it, and skips covered mounts', () => {
  assert.deepEqual(mountAliases('/srv/data/file', MOUNTS), ['/mnt/again/file']);
  assert.deepEqual(mountAliases('/mnt/again/file', MOUNTS), ['/srv/data/file']);
  assert.deepEqual(mountAliases('/srv/elsewhere', MOUNTS), ['/mnt/covered/elsewhere']);
});

test('mountAliases() finds mounts of paths below it, also with blanks in their names', () => {
  assert.deepEqual(mountAliases('/srv/data', MOUNTS), ['/mnt/again', '/mnt/with blank']);
});

// proves: what is mounted below a path counts too
test('mountAliases() finds other paths of what is mounted below it', () => {
  const below = `${MOUNTS}35 22 8:1 /opt/own /srv/data/sub rw,relatime - ext4 /dev/sda1 rw\n`;
  assert.deepEqual(mountAliases('/srv/data', below), ['/mnt/again', '/mnt/with blank', '/opt/own']);
  assert.deepEqual(mountAliases('/opt/own/file', below), ['/srv/data/sub/file']);
});

test('mountAliases() finds nothing on a file system that is mounted once', () => {
  assert.deepEqual(mountAliases('/mnt/other-disk/file', MOUNTS), []);
  assert.deepEqual(mountAliases('/mnt/covered/data/x', MOUNTS), []);
  assert.deepEqual(mountAliases('/srv', ''), []);
});

test('mountAliases() finds the other paths of what is mounted below a folder, and not the folder itself', () => {
  assert.deepEqual(mountAliases('/vault', MOUNTS), ['/mnt/part']);
  assert.deepEqual(mountAliases('/vault/inner', MOUNTS), ['/mnt/part', '/vault/again']);
  assert.deepEqual(mountAliases('/loop/own', MOUNTS), []);
});

const COVERED = `22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:40 / /srv/data rw - tmpfs tmpfs rw
31 22 8:1 /srv /srv rw - ext4 /dev/sda1 rw
32 22 8:1 /srv/data /mnt/again rw - ext4 /dev/sda1 rw
33 22 0:41 / /mnt/twice rw - tmpfs tmpfs rw
34 33 8:1 /srv/data /mnt/twice rw - ext4 /dev/sda1 rw
35 33 8:1 /srv/data /mnt/twice/inner rw - ext4 /dev/sda1 rw
`;

// proves: a mount that another one covers shows at no path
test('mountAliases() takes a covered mount for nothing: neither one below a folder that is mounted later, nor one below another on its root', () => {
  assert.deepEqual(mountAliases('/srv/data/file', COVERED), ['/mnt/again/file', '/mnt/twice/file']);
  assert.deepEqual(mountAliases('/mnt/again/file', COVERED), ['/srv/data/file', '/mnt/twice/file']);
});

test('mountAliases() knows the mounts of a process whose root is no mount', () => {
  const inFolder = COVERED.replaceAll(/^2[23] .*\n/gm, '').replace(/^30 .*\n/m, '');
  assert.deepEqual(mountAliases('/mnt/again/file', inFolder), ['/srv/data/file', '/mnt/twice/file']);
});
