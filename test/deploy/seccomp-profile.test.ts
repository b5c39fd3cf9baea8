import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { allowCalls } from '../../deploy/container/allow-calls.js';
import { resolveProfile } from '../../deploy/container/resolve-profile.js';
import type { Profile } from '../../deploy/container/seccomp-profile-format.js';
import { CONTAINER_CALLS } from '../../shared/container-calls.js';
import { distFor, readableFile } from '../harness/users.js';

const ALLOW = 'SCMP_ACT_ALLOW';
const ERRNO = 'SCMP_ACT_ERRNO';
const DEFAULT: Profile = {
  defaultAction: ERRNO,
  defaultErrnoRet: 1,
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: null },
  ],
  syscalls: [
    { names: ['read', 'write'], action: ALLOW },
    { names: ['mount', 'setns'], action: ALLOW, includes: { caps: ['CAP_SYS_ADMIN'] } },
    {
      names: ['mount', 'setns'],
      action: ERRNO,
      errnoRet: 1,
      args: [],
      excludes: { caps: ['CAP_SYS_ADMIN'] },
    },
    { names: ['kcmp'], action: ALLOW, includes: { caps: ['CAP_SYS_PTRACE'] } },
    { names: ['chroot'], action: ALLOW, includes: { caps: ['CAP_SYS_CHROOT'] } },
    { names: ['chroot'], action: ERRNO, excludes: { caps: ['CAP_SYS_CHROOT'] } },
    { names: ['ptrace'], action: ALLOW, includes: { minKernel: '4.8' } },
    { names: ['later'], action: ALLOW, includes: { minKernel: '6.1' } },
    { names: ['arch_prctl'], action: ALLOW, includes: { arches: ['amd64', 'x32'] } },
    { names: ['cacheflush'], action: ALLOW, includes: { arches: ['arm64'] } },
    {
      names: ['clone'],
      action: ALLOW,
      args: [{ index: 0, value: 1, op: 'X' }],
      excludes: { arches: ['s390'] },
    },
  ],
};
const namesOf = (profile: Profile): string[] => profile.syscalls.map(({ names }) => names.join(' '));

test('allowCalls() allows the calls for every container, takes them out of other rules, and changes nothing else', () => {
  const { syscalls, ...rest } = allowCalls(DEFAULT, ['mount', 'kcmp']);
  const { syscalls: before, ...restBefore } = DEFAULT;
  assert.deepEqual(rest, restBefore);
  const added = syscalls.at(-1);
  assert.deepEqual([added?.names, added?.action], [['mount', 'kcmp'], ALLOW]);
  assert.ok(!('includes' in (added ?? {})));
  const expected = before
    .filter(({ names }) => names[0] !== 'kcmp')
    .map((rule) => ({ ...rule, names: rule.names.filter((name) => name !== 'mount') }));
  assert.deepEqual(syscalls.slice(0, -1), expected);
});

test('resolveProfile() keeps the rules that hold for a container without further capabilities', () => {
  const { archMap, architectures, syscalls, defaultErrnoRet } = resolveProfile(DEFAULT, 'x64');
  assert.equal(archMap, undefined);
  assert.equal(defaultErrnoRet, 1);
  assert.deepEqual(architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
  assert.deepEqual(
    syscalls.map(({ names, action }) => `${action === ALLOW ? '+' : '-'}${names.join(' ')}`),
    ['+read write', '-mount setns', '+chroot', '+ptrace', '+arch_prctl', '+clone'],
  );
  for (const rule of syscalls)
    assert.deepEqual([rule.includes, rule.excludes, rule.comment], [undefined, undefined, undefined]);
  assert.deepEqual(syscalls.at(-1)?.args, [{ index: 0, value: 1, op: 'X' }]);
  assert.deepEqual(syscalls[1], { names: ['mount', 'setns'], action: ERRNO, errnoRet: 1 });
});

test('resolveProfile() keeps the rules of the architecture', () => {
  const resolved = resolveProfile(DEFAULT, 'arm64');
  assert.deepEqual(resolved.architectures, ['SCMP_ARCH_AARCH64']);
  assert.ok(namesOf(resolved).includes('cacheflush'));
  assert.ok(!namesOf(resolved).includes('arch_prctl'));
});

function script(words: readonly string[], input = ''): ReturnType<typeof spawnSync> {
  const main = join(distFor('root'), 'run/seccomp-profile.js');
  return spawnSync(process.execPath, [main, ...words], { encoding: 'utf8', input });
}

test('the script reads a file or stdin, and prints a profile with every call of the list', () => {
  const text = JSON.stringify(DEFAULT);
  const file = readableFile('default.json', text);
  const printed = script([file]);
  assert.equal(printed.status, 0, `${printed.stderr}`);
  const profile = JSON.parse(`${printed.stdout}`) as Profile;
  assert.deepEqual(profile.syscalls.at(-1)?.names, Object.keys(CONTAINER_CALLS));
  assert.equal(script(['-'], text).stdout, printed.stdout);
  const resolved = JSON.parse(`${script(['--kubernetes', '--arch', 'arm64', file]).stdout}`) as Profile;
  assert.deepEqual(resolved.architectures, ['SCMP_ARCH_AARCH64']);
  assert.deepEqual(resolved.syscalls.at(-1)?.names, Object.keys(CONTAINER_CALLS));
});

test('the script says in one line what is wrong, and prints no profile', () => {
  const file = (text: string): string => readableFile('default.json', text);
  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['/nonexistent'], 1, /"\/nonexistent".*ENOENT/],
    [[file('{')], 1, /JSON/],
    [[file('[]')], 1, /no JSON object/],
    [[file('{"syscalls": []}')], 1, /no "defaultAction"/],
    [[file('{"defaultAction": "X"}')], 1, /no rules/],
    [[file('{"defaultAction": "X", "syscalls": [{"name": "read"}]}')], 1, /no "names"/],
    [
      [
        file(
          '{"defaultAction": "X", "syscalls": [{"names": ["read"], "action": "X", "includes": ["caps"]}]}',
        ),
      ],
      1,
      /another form/,
    ],
    [['--wide', 'a'], 2, /--wide/],
    [['a', 'b'], 2, /More than one FILE/],
    [['--kubernetes', '--arch', 'mips', file(JSON.stringify(DEFAULT))], 2, /"mips"; write x64 or arm64/],
  ];
  for (const [words, status, told] of wrong) {
    const result = script(words);
    assert.equal(result.status, status, words.join(' '));
    assert.equal(result.stdout, '');
    assert.match(`${result.stderr}`, /^postern: [^\n]+\n$/);
    assert.match(`${result.stderr}`, told);
  }
});

test('docs/containers.md has every call of the list, with its use', () => {
  const text = readFileSync(join(distFor('root'), '../docs/containers.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map(([, call, use]) => [call, use]);
  assert.deepEqual(rows, Object.entries(CONTAINER_CALLS));
});
