import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sandboxGroups } from '../../broker/sandbox/sandbox-rules.js';
import { filters } from '../../sandbox/launch/filters.js';
import { CALL_FORMS } from '../../shared/config/call-forms.js';
import { findNumber, knowsCall, NEW_CALLS } from '../../shared/sys/call-numbers.js';

const url = (path: string): string => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
/** The answer of libseccomp for a name that it does not know. */
const unknown = (): number => -1;

test('a call that libseccomp does not know has its number all the same', () => {
  assert.equal(findNumber('fchmodat2', unknown), 452);
  // libseccomp knows the name, and not yet that this architecture has the call.
  assert.equal(
    findNumber('fchmodat2', () => -10_300),
    452,
  );
  assert.equal(
    findNumber('vm86', () => -10_071),
    -10_071,
  );
  assert.equal(findNumber('no_such_call', unknown), undefined);
});

test('the numbers of new calls are those of the headers', () => {
  const headers = ['/usr/include/asm-generic/unistd.h', '/usr/include/linux/unistd.h'].filter(existsSync);
  const text = headers.map((path) => readFileSync(path, 'utf8')).join('');
  const found = new Map(
    [...text.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map(([, name, number]) => [name, Number(number)]),
  );
  const compared = [...NEW_CALLS].filter(([name]) => found.has(name));
  assert.ok(compared.length >= 30, `${compared.length}`);
  for (const [name, number] of compared) assert.equal(number, found.get(name), name);
});

test('every call of every filter is known: none is left out silently', () => {
  const named = [
    ...filters({ egress: 'channel' }).flatMap(({ rules }) => rules),
    ...sandboxGroups(1).flatMap(({ rules }) => rules),
  ].flatMap(({ calls }) => calls);
  // Calls of another architecture, and calls that x86-64 never had.
  const elsewhere = ['umount', 'stime', 'vm86', 'vm86old'];
  const missing = [...named, ...CALL_FORMS.keys()].filter((name) => !knowsCall(name));
  assert.deepEqual(
    [...new Set(missing)].filter((name) => !elsewhere.includes(name)),
    [],
  );
});

test('a filter refuses a call by its number, and does not load with a call that nobody knows', () => {
  const program = `
    const { compileFilters } = await import(${url('shared/sys/compile-filters.js')});
    const { loadProgram } = await import(${url('shared/sys/filter-program.js')});
    const { bind } = await import(${url('shared/sys/libc.js')});
    const call = bind('long syscall(long number, long a, long b, long c, long d, long e)');
    const without = call(470, 0, 0, 0, 0, 0);
    loadProgram(compileFilters([{ otherwise: 'allow', rules: [{ calls: ['listns'], action: 'EXDEV' }] }]));
    let why = '';
    try {
      compileFilters([{ otherwise: 'allow', rules: [{ calls: ['no_such_call'], action: 'EPERM' }] }]);
    } catch (error) {
      why = error.message;
    }
    console.log(JSON.stringify({ changed: without !== -18, refused: call(470, 0, 0, 0, 0, 0), why }));
  `;
  const script = `
    const { setNoNewPrivileges } = await import(${url('shared/sys/process-control.js')});
    setNoNewPrivileges();
    ${program}`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  assert.deepEqual(
    JSON.parse(stdout || 'null'),
    {
      changed: true,
      refused: -18,
      why: 'Neither libseccomp nor postern knows the system call "no_such_call"',
    },
    stderr,
  );
});
