// A lease on a user's file blocks every process that opens it, fcntl(2): the supervisor at its configuration, an editor at its file.
import assert from 'node:assert/strict';
import { chownSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { twin } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { startPostern } from '../harness/postern.js';
import { readableFile, type User, users } from '../harness/users.js';

const NOBODY = 65_534;
/** Longer than any open takes, and shorter than the kernel waits for the holder (45 s). */
const HELD_MS = Math.min(3_000 * PATIENCE, 30_000);
const PROGRAM = `
import ctypes, errno, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
F_SETLEASE, F_WRLCK, F_SETDELEG, HIGH = 1024, 1, 1040, 1 << 40
libc = ctypes.CDLL(None, use_errno=True)
file = open(sys.argv[1])
def attempt(command):
    ctypes.set_errno(0)
    taken = libc.fcntl(ctypes.c_long(file.fileno()), ctypes.c_long(command), ctypes.c_long(F_WRLCK)) == 0
    return "ok" if taken else errno.errorcode[ctypes.get_errno()]
print(attempt(F_SETLEASE), attempt(HIGH | F_SETLEASE), attempt(F_SETDELEG), flush=True)
sys.stdin.read()`;

/** @returns the plugin's result, and whether the file could be opened while the plugin ran */
async function hold(
  user: User,
  without?: readonly string[],
): Promise<{ readonly told: string; readonly opens: boolean }> {
  const file = readableFile('mine', 'mine\n');
  if (process.geteuid?.() === 0) chownSync(file, NOBODY, NOBODY);
  assert.notEqual(statSync(file).uid, 0);
  const { child, result } = startPostern(
    ['run', '--cwd', dirname(file), '--', '/usr/bin/python3', '-c', PROGRAM, file],
    { as: user, keepInput: true, ...(without === undefined ? {} : { without }) },
  );
  let opens = false;
  child.stdout?.once('data', async () => {
    const opened = open(file).then((handle) => handle.close());
    opens = await Promise.race([opened.then(() => true), sleep(HELD_MS, false)]);
    child.stdin?.end();
  });
  const { stdout, stderr } = await result;
  assert.notEqual(stdout, '', stderr);
  return { told: stdout.trim(), opens };
}

for (const user of users) {
  // proves: seccomp.leases
  test(`a plugin gets no lease on a file of the user's (${user})`, async () => {
    assert.deepEqual(await hold(user), { told: 'EPERM EPERM EPERM', opens: true });
  });
}
twin('it gets one without the filter, and an open of the file waits (user)', async () => {
  const { told, opens } = await hold('user', ['seccomp.leases']);
  assert.match(told, /^ok ok /);
  assert.equal(opens, false);
});
