// proves: Landlock, which denies writing outside of what is listed
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { twin } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { users } from '../harness/users.js';

/**
 * Other file systems over /usr and /etc, which a sandbox without read-only mounts may write: other tests' posterns do not start while a plugin could
 * change what they run and load. Where the kernel stacks no further file system, they may have to wait.
 */
const OWN_FOLDERS =
  process.geteuid?.() === 0
    ? [
        ...['unshare', '--mount', '--propagation', 'private', 'sh', '-ec'],
        'own() { mkdir -p /mnt/$1/upper /mnt/$1/work && mount -t overlay none -o lowerdir=/$1,upperdir=/mnt/$1/upper,workdir=/mnt/$1/work /$1; }; mount -t tmpfs none /mnt && own usr && own etc || true; exec "$@"',
        'sh',
      ]
    : undefined;

/** Not below /tmp, because the plugin may write there and Landlock judges by the path. */
const PLACE = process.geteuid?.() === 0 ? '/srv' : homedir();

/** A folder that every user may write, shown as the working directory. Only the sandbox keeps the plugin from writing there. */
async function writes(user: (typeof users)[number], without: readonly string[]): Promise<boolean> {
  const outer = mkdtempSync(join(PLACE, 'postern-test-'));
  try {
    chmodSync(outer, 0o755);
    const folder = join(outer, 'open');
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    const { stderr } = await postern(['run', '--cwd', folder, '--', 'sh', '-c', 'echo out >escaped'], {
      as: user,
      ...(without.length === 0 ? {} : { without }),
      ...(without.includes('readonly') && OWN_FOLDERS !== undefined && { inside: OWN_FOLDERS }),
    });
    const written = existsSync(join(folder, 'escaped'));
    if (!written) assert.match(stderr, /escaped: (?:Read-only file system|Permission denied)/);
    return written;
  } finally {
    rmSync(outer, { recursive: true });
  }
}

for (const user of users) {
  test(`the working directory is not written, by its mount or by Landlock alone (${user})`, async () => {
    assert.equal(await writes(user, []), false);
    assert.equal(await writes(user, ['landlock']), false);
    assert.equal(await writes(user, ['readonly']), false);
  });
  twin(`the working directory is written once neither is there (${user})`, async () => {
    assert.equal(await writes(user, ['landlock', 'readonly']), true);
  });
}
