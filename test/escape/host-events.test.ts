// io_setup(2) takes from one count of the whole host, /proc/sys/fs/aio-nr.
// proves: G8
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { anyUser, twin } from '../harness/asked.js';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import type { User } from '../harness/users.js';

/** More than other tests take at the same time, and a small part of what the kernel has. */
const TAKEN = 8000;
const PROGRAM = `
import ctypes, errno, platform, sys
libc = ctypes.CDLL(None, use_errno=True)
context = ctypes.c_ulong(0)
number = 206 if platform.machine() == "x86_64" else 0
failed = libc.syscall(ctypes.c_long(number), ctypes.c_long(${TAKEN}), ctypes.byref(context)) != 0
print(errno.errorcode[ctypes.get_errno()] if failed else "taken", flush=True)
sys.stdin.read()
`;

const count = (): number => Number(readFileSync('/proc/sys/fs/aio-nr', 'latin1'));

/** @returns the plugin's result, and whether the host has fewer events while it runs */
async function take(
  user: User,
  added: readonly string[] = [],
): Promise<{ readonly told: string; readonly missing: boolean }> {
  const before = count();
  const { child, result, stdout } = startPostern(['run', ...added, '--', '/usr/bin/python3', '-c', PROGRAM], {
    as: user,
    keepInput: true,
  });
  try {
    await until(() => stdout().includes('\n') || undefined);
    return { told: stdout().trim(), missing: count() - before >= TAKEN / 2 };
  } finally {
    child.stdin?.end();
    await result;
  }
}

for (const user of anyUser) {
  test(`a plugin takes no events of the host (${user})`, async () => {
    assert.deepEqual(await take(user), { told: 'ENOSYS', missing: false });
  });
  twin(`it takes them where it has io_setup(2) (${user})`, async () => {
    const added = ['--unsafe-seccomp-allow', 'io_setup'];
    assert.deepEqual(await take(user, added), { told: 'taken', missing: true });
  });
}
