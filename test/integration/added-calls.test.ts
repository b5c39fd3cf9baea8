import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFolder } from '../harness/users.js';

/** One call that is added by each kind of key, one that no kernel knows yet, and one that stays refused. */
const CALLS = `
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
x86 = os.uname().machine == "x86_64"
buffer = ctypes.create_string_buffer(256)
pid = os.getpid()
for name, number, words in (
    ("adjtimex", 159 if x86 else 171, (buffer,)),
    ("kcmp", 312 if x86 else 272, (pid, pid, 2, 0, 0)),
    ("unknown", 10000, ()),
    ("keyctl", 250 if x86 else 219, (0, -3, 0)),
):
    ctypes.set_errno(0)
    value = libc.syscall(ctypes.c_long(number), *words)
    print(name, "ok" if value >= 0 else errno.errorcode[ctypes.get_errno()])
`;
const PROGRAM = ['/usr/bin/python3', '-c', CALLS];
const REFUSED = 'adjtimex EPERM\nkcmp EPERM\nunknown ENOSYS\nkeyctl EPERM\n';
const ADDED = 'adjtimex ok\nkcmp ok\nunknown ENOSYS\nkeyctl EPERM\n';

for (const user of anyUser) {
  test(`an added call works, and without the option it is refused (${user})`, async () => {
    const plain = await postern(['run', '--', ...PROGRAM], { as: user });
    assert.equal(plain.stdout, REFUSED, plain.stderr);
    const options = ['--seccomp-allow', 'adjtimex', '--unsafe-seccomp-allow', 'kcmp'];
    const added = await postern(['run', ...options, '--', ...PROGRAM], { as: user });
    assert.equal(added.stdout, ADDED, added.stderr);
    const cwd = readableFolder();
    const one = { command: PROGRAM, seccomp: { allow: ['adjtimex'], unsafe_allow: ['kcmp'] } };
    const config = { plugins: { added: one, plain: { command: PROGRAM } } };
    writeFileSync(join(cwd, 'postern.yaml'), JSON.stringify(config));
    const { stdout, stderr } = await postern(['up'], { as: user, cwd });
    const linesOf = (plugin: string): string =>
      [...stdout.matchAll(new RegExp(`^${plugin} \\| (.*\\n)`, 'gm'))].map(([, line]) => line).join('');
    assert.equal(linesOf('added'), ADDED, stderr);
    assert.equal(linesOf('plain'), REFUSED, 'a neighbour has it not');
  });
}

test('a call that may not be added gives an error with the fix, and nothing is started', async () => {
  const [user = 'user'] = anyUser;
  for (const [option, call, words] of [
    [
      '--seccomp-allow',
      'kcmp',
      /^postern: "kcmp" weakens a guarantee: .*; write --unsafe-seccomp-allow kcmp\n$/,
    ],
    ['--seccomp-allow', 'adjtimx', /^postern: "adjtimx" cannot be added: .*; did you mean "adjtimex"\?\n$/],
    [
      '--unsafe-seccomp-allow',
      'adjtimex',
      /^postern: "adjtimex" weakens no guarantee; write --seccomp-allow adjtimex\n$/,
    ],
    ['--unsafe-seccomp-allow', 'io_uring_setup', /^postern: "io_uring_setup" can never be added: .*\n$/],
    [
      '--unsafe-seccomp-allow',
      'stime',
      /^postern: .* step seccomp: Cannot add the call "stime": libseccomp does not know it here; .*\n$/,
    ],
  ] as const) {
    const { status, stdout, stderr } = await postern(['run', option, call, '--', 'echo', 'started'], {
      as: user,
    });
    assert.deepEqual([status, stdout], [125, ''], `${call} ${stderr}`);
    assert.match(stderr, words);
  }
});
