// systemd makes the host's mounts shared. Even then a sandbox's mounts stay inside it, and later mounts of the host stay outside.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { asUser, distFor, readableFolder, users } from '../harness/users.js';

const isRoot = process.geteuid?.() === 0;
const needsRoot = { skip: isRoot ? false : 'needs root, to share mounts' };
const SHARED = ['unshare', '--mount', '--propagation', 'private', '--', 'python3', '-c'];

/** Prints how the host's mounts differ while the plugin starts and runs, and the host's files afterwards. */
const HOST = `
import os, select, subprocess, sys

subprocess.check_call(["mount", "--make-rshared", "/"])
listed = lambda: open("/proc/self/mountinfo").read()
# The kernel tells each change, also one that is undone at once, proc(5).
watched = open("/proc/self/mountinfo")
before = watched.read()
changes = select.poll()
changes.register(watched, select.POLLPRI)
told = 0
run = subprocess.Popen(sys.argv[1:])
for turn in range(1200):
    told += len(changes.poll(25))
    if os.path.exists("out/ready"): break
told += len(changes.poll(0))
print("mounts changed by the start:", told, flush=True)
if listed() == before: print("mounts while it runs: as before", flush=True)
subprocess.check_call(["mount", "-t", "tmpfs", "later", "shown/later"])
open("shown/later/file", "w").write("secret")
open("out/go", "w").close()
run.wait()
subprocess.check_call(["umount", "shown/later"])
if listed() == before: print("mounts after it: as before")
print("hidden on the host:", open("shown/hidden/file").read())
`;
const PLUGIN = `
touch out/ready
for try in $(seq 600); do [ -e out/go ] && break; sleep 0.05; done
echo "hidden inside: $(cat shown/hidden/file 2>&1)"
echo "mounted later: $(ls shown/later)"
`;

for (const user of users) {
  // proves: no mount passes between the host and a sandbox
  test(`no mount passes between a host with shared mounts and a sandbox (${user})`, needsRoot, async () => {
    const folder = readableFolder();
    for (const name of ['out', 'shown', 'shown/hidden', 'shown/later']) mkdirSync(join(folder, name));
    chmodSync(join(folder, 'out'), 0o777);
    writeFileSync(join(folder, 'shown/hidden/file'), 'kept\n');
    const words = [process.execPath, join(distFor(user), 'run/postern.js'), 'run', '--writable', 'out'];
    const options = ['--visible', 'shown', '--hidden', 'shown/hidden', '--', 'sh', '-c', PLUGIN];
    const [command = '', ...args] = [...SHARED, HOST, ...asUser(user), ...words, ...options];
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    assert.deepEqual((await text(child.stdout)).trimEnd().split('\n').sort(), [
      'hidden inside: cat: shown/hidden/file: No such file or directory',
      'hidden on the host: kept',
      'mounted later: ',
      'mounts after it: as before',
      'mounts changed by the start: 0',
      'mounts while it runs: as before',
    ]);
  });
}
