import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostFiles, writableIn } from '../../../sandbox/supervisor/files/host-files.js';
import { otherWriterProblems } from '../../../sandbox/supervisor/files/path-problems.js';

const OURS = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
30 22 8:1 /srv/data /mnt/again rw - ext4 /dev/sda1 rw
35 22 8:2 / /vault rw - xfs /dev/sdb1 rw
`;
const SANDBOX = `50 49 0:90 / / ro,nosuid - tmpfs tmpfs rw
51 50 8:1 /usr /usr ro,nosuid - ext4 /dev/sda1 rw
52 50 8:1 /srv/work /srv/work rw,nosuid - ext4 /dev/sda1 rw
53 52 8:1 /srv/work/own /srv/work/own ro,nosuid - ext4 /dev/sda1 rw
54 50 8:2 /part /vault/part rw,nosuid - xfs /dev/sdb1 rw
55 50 0:91 / /tmp rw,nosuid - tmpfs tmpfs rw
56 50 8:1 /srv/kept /home/plugin rw,nosuid - ext4 /dev/sda1 rw
57 50 8:1 /srv/hidden /srv/hidden rw,nosuid - ext4 /dev/sda1 rw
58 57 0:92 / /srv/hidden rw,nosuid - tmpfs tmpfs rw
`;

test('writableIn() finds what a sandbox may write: by each mount of it, above it and below it', () => {
  const isWritable = writableIn(SANDBOX, OURS);
  for (const path of ['/srv/work', '/srv/work/a', '/srv', '/vault/part/x', '/vault', '/srv/kept/bin', '/'])
    assert.equal(isWritable(path), true, path);
});

test('writableIn() leaves out what is shown for reading alone, what is covered, and what is only inside', () => {
  const isWritable = writableIn(SANDBOX, OURS);
  for (const path of [
    '/usr/lib',
    '/srv/work/own',
    '/srv/work/own/x',
    '/srv/workshop',
    '/tmp',
    '/vault/other',
  ])
    assert.equal(isWritable(path), false, path);
  assert.equal(isWritable('/srv/hidden/x'), false);
});

test('writableIn() leaves out the devices that every sandbox has: containers mount them over files', () => {
  const masked = `${OURS}40 22 0:6 /null /usr/bin/unshare rw - devtmpfs udev rw\n`;
  const theirs = `${SANDBOX}60 50 0:6 /null /dev/null rw,nosuid - devtmpfs udev rw\n`;
  assert.equal(writableIn(theirs, masked)('/usr/bin'), false);
  assert.equal(writableIn(theirs.replace(' /dev/null rw', ' /srv/null rw'), masked)('/usr/bin'), true);
});

test('writableIn() knows a folder by another mount of it', () => {
  const theirs = SANDBOX.replace('/srv/work /srv/work rw', '/srv/data/w /srv/work rw');
  assert.equal(writableIn(theirs, OURS)('/mnt/again/w/x'), true);
});

test('writableIn() finds nothing in a sandbox that is being built, which has the mounts of the host', () => {
  assert.equal(writableIn(OURS, OURS)('/srv/work'), false);
  assert.equal(writableIn('', OURS)('/srv/work'), false);
});

test('otherWriterProblems() takes an own file that is missing for no danger, unless it is searched or what a hook may load', () => {
  const missing = '/srv/work/missing';
  const sandboxes = [{ pid: 7, isOfThisProcess: false, mountinfo: SANDBOX }];
  const count = (own: { hook?: string[]; program?: string[]; searched?: string[] }): number =>
    otherWriterProblems({ files: [], searched: [], ...own }, sandboxes, hostFiles, OURS).length;
  assert.deepEqual(
    [{ program: [missing] }, { searched: [missing] }, { hook: [missing] }].map(count),
    [0, 1, 1],
  );
});

test('otherWriterProblems() asks of a sandbox of its own process only what hooks and secrets run', () => {
  const count = (isOfThisProcess: boolean, own: { hook?: string[]; searched?: string[] }): number =>
    otherWriterProblems(
      { files: [], searched: [], ...own },
      [{ pid: 7, isOfThisProcess, mountinfo: SANDBOX }],
      hostFiles,
      OURS,
    ).length;
  assert.equal(count(true, { searched: ['/srv/work/a'] }), 0);
  assert.equal(count(true, { hook: ['/srv/work/a'] }), 1);
  assert.equal(count(false, { searched: ['/srv/work/a'] }), 1);
});
