import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { test } from 'node:test';
import { NO_RINGS } from '../../broker/sandbox/holds-ring.js';
import { sandboxFilters } from '../../broker/sandbox/sandbox-rules.js';
import { filterStack, initStack } from '../../sandbox/launch/filters.js';
import { callNumber } from '../../shared/sys/call-numbers.js';
import { compileFilters, FilterCode } from '../../shared/sys/compile-filters.js';
import {
  type ArgumentMatch,
  FILTER_ERRNOS,
  type Filter,
  type FilterAction,
  type FilterRule,
} from '../../shared/sys/filter.js';
import { compileAlone } from '../harness/libseccomp.js';
import { checkLoadable, constantsOf, runFilter } from '../harness/run-filter.js';

const CALLS = 600;
const SAMPLES = 10;
const MANY_SAMPLES = 1000;
const ALL_BITS = 0xffffffff;
const LOW_32 = 0xffffffffn;
const ACTION = 0xffff0000;
const ERRNO = 0x0005_0000;
const ALLOW = 0x7fff_0000;
const REPORT = 0x7fc0_0000;
/** AUDIT_ARCH_I386. */
const OTHER_ABI = 0x40000003;
const X32 = 0x40000000;
const OWN_IDS = { uid: 1000, gid: 1000 };
const STACKS: Readonly<Record<string, readonly Filter[]>> = {
  transparent: filterStack({ egress: 'transparent' }),
  'transparent, with the notify socket': filterStack({ egress: 'transparent', hasNotices: true }),
  'transparent, one id': filterStack({ egress: 'transparent', onlyIds: OWN_IDS, datagrams: true }),
  channel: filterStack({ egress: 'channel' }),
  'channel, with added calls': filterStack({ egress: 'channel', added: ['bpf', 'mount', 'ptrace'] }),
  init: initStack(),
  'broker sandbox': sandboxFilters(4711),
  'no rings': [NO_RINGS],
};

/** The same numbers in each run. */
function numbers(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 8;
  };
}

/** seccomp(2): of all filters the strictest action counts, and of two equal ones that of the filter loaded last. */
function strictest(answers: readonly number[]): number {
  return answers.reduce((before, answer) =>
    (answer & ACTION) >>> 0 <= (before & ACTION) >>> 0 ? answer : before,
  );
}

/** What filter.ts says of filters whose rules are all for the same call. */
function asWritten(stack: readonly Filter[], args: readonly bigint[]): number {
  const holds = ({ index, mask = ALL_BITS, equals, not }: ArgumentMatch): boolean =>
    not === true
      ? args[index] !== BigInt(equals)
      : (Number((args[index] ?? 0n) & LOW_32) & mask) >>> 0 === equals >>> 0;
  const code = (action: FilterAction): number => {
    if (action === 'allow') return ALLOW;
    if (action === 'report') return REPORT;
    return action === 'skip' ? ERRNO : ERRNO | FILTER_ERRNOS[action];
  };
  const matches = ({ when = [] }: FilterRule): boolean => when.every(holds);
  return strictest(stack.map(({ otherwise, rules }) => code(rules.find(matches)?.action ?? otherwise)));
}

/** Words that a filter names, their neighbours, their bits together, and all of these with high bits. */
function wordsNear(constants: readonly bigint[], next: () => number): () => bigint {
  const values = [...new Set([0n, 1n, ...constants])];
  const one = (): bigint => values[next() % values.length] ?? 0n;
  return () => {
    const [a, b, kind] = [one(), one(), next() % 9];
    const low = kind < 4 ? a : kind === 4 ? a + 1n : kind === 5 ? a - 1n : kind === 6 ? a | b : a ^ b;
    const high = next() % 7 === 0 ? BigInt(next() % 3) << 32n : 0n;
    return BigInt.asUintN(64, (low & LOW_32) | high);
  };
}

for (const [name, stack] of Object.entries(STACKS))
  test(`the compiled filters answer every call as they are written: ${name}`, () => {
    const compiled = compileFilters(stack);
    checkLoadable(compiled);
    const named = new Set(stack.flatMap(({ rules }) => rules.flatMap(({ calls }) => calls)));
    const calls = new Map([...named].map((call) => [callNumber(call), call]));
    const next = numbers();
    const answers = new Set<number>();
    for (let number = 0; number < CALLS; number += 1) {
      const call = calls.get(number);
      const ofCall = stack.map(({ otherwise, rules }) => ({
        otherwise,
        rules: rules.filter((rule) => call !== undefined && rule.calls.includes(call)),
      }));
      const matches = ofCall.flatMap(({ rules }) => rules.flatMap(({ when = [] }) => when));
      const word = wordsNear(
        matches.map(({ equals }) => BigInt(equals >>> 0)),
        next,
      );
      for (let sample = 0; sample < (matches.length > 0 ? MANY_SAMPLES : SAMPLES); sample += 1) {
        const args = Array.from({ length: 6 }, word);
        const answer = runFilter(compiled, number, args);
        answers.add(answer);
        assert.equal(answer, asWritten(ofCall, args), `${call}, call ${number}, with ${args.join()}`);
      }
    }
    assert.ok(answers.size >= 2, [...answers].join());
  });

// proves: calls of another ABI are refused
// proves: calls of x32 are refused
for (const [name, stack] of Object.entries(STACKS))
  test(`the compiled filters answer every call, also of another ABI, as those of libseccomp do, stacked: ${name}`, () => {
    // libseccomp takes no rule with the action that the filter has anyway, so it does not know exceptions from a refusal.
    const known = stack.filter(({ otherwise, rules }) => rules.every(({ action }) => action !== otherwise));
    const alone = known.map(compileAlone);
    const compiled = compileFilters(known);
    const ofStack = (number: number, args: readonly bigint[], abi?: number): number =>
      strictest(alone.map((program) => runFilter(program, number, args, abi)));
    const next = numbers();
    const word = wordsNear(
      alone.flatMap((program) => constantsOf(program)),
      next,
    );
    for (let number = 0; number < CALLS; number += 1)
      for (let sample = 0; sample < SAMPLES; sample += 1) {
        const args = Array.from({ length: 6 }, word);
        assert.equal(
          runFilter(compiled, number, args),
          ofStack(number, args),
          `call ${number} with ${args.join()}`,
        );
      }
    assert.equal(runFilter(compiled, 1, [], OTHER_ABI), ofStack(1, [], OTHER_ABI), 'a call of another ABI');
    assert.equal(runFilter(compiled, X32 + 1, []), ofStack(X32 + 1, []), 'a call of x32');
  });

const BYTES = [0, 1, 2, 3, 0x80, 0xff, 0x100, 0xff00, 0x8000_0000, 0xffff_ffff];
const ACTIONS: readonly FilterAction[] = ['allow', 'EPERM', 'EACCES', 'skip'];

function randomStack(next: () => number): readonly Filter[] {
  const pick = <T>(values: readonly T[]): T => {
    const value = values[next() % values.length];
    if (value === undefined) throw new Error('There is no value');
    return value;
  };
  const match = (): ArgumentMatch => {
    const index = pick([0, 1, 5] as const);
    if (next() % 6 === 0) return { index, not: true, equals: pick(BYTES) };
    const mask = next() % 2 === 0 ? 0xffff_ffff : pick(BYTES.slice(1));
    return { index, mask, equals: (pick(BYTES) & mask) >>> 0 };
  };
  return Array.from({ length: 1 + (next() % 3) }, (_, at) => ({
    otherwise: pick(ACTIONS),
    rules: Array.from({ length: next() % 8 }, () => ({
      calls: ['connect'],
      action: pick(at === 0 ? [...ACTIONS, 'report' as const] : ACTIONS),
      when: Array.from({ length: 1 + (next() % 3) }, match),
    })),
  }));
}

const randomArgs = (next: () => number): readonly bigint[] =>
  Array.from(
    { length: 6 },
    () => BigInt(BYTES[next() % BYTES.length] ?? 0) | (next() % 5 === 0 ? 1n << 32n : 0n),
  );

// proves: what one filter allows, the next one is asked
test('any compiled filters answer as they are written', () => {
  const next = numbers();
  const connect = callNumber('connect');
  for (let round = 0; round < 400; round += 1) {
    const stack = randomStack(next);
    const compiled = compileFilters(stack);
    checkLoadable(compiled);
    for (let sample = 0; sample < 200; sample += 1) {
      const args = randomArgs(next);
      assert.equal(
        runFilter(compiled, connect, args),
        asWritten(stack, args),
        `${JSON.stringify(stack)} with ${args.join()}`,
      );
    }
  }
});

// proves: the filter loaded last is asked first
test('of two errnos that of the last filter counts, and an errno before a report', () => {
  const all = (['report', 'EPERM', 'EACCES'] as const).map(
    (action): Filter => ({ otherwise: 'allow', rules: [{ calls: ['connect'], action }] }),
  );
  const connect = callNumber('connect');
  assert.equal(runFilter(compileFilters(all), connect, []), ERRNO | constants.errno.EACCES);
  assert.equal(runFilter(compileFilters(all.slice(0, 2)), connect, []), ERRNO | constants.errno.EPERM);
  assert.equal(runFilter(compileFilters(all.slice(0, 1)), connect, []), REPORT);
});

for (const egress of ['transparent', 'channel'] as const)
  test(`each refusal by arguments holds in the whole filter (${egress})`, () => {
    const stack = filterStack({ egress });
    const compiled = compileFilters(stack);
    let refusals = 0;
    for (const { calls, action, when = [] } of stack.at(-1)?.rules ?? []) {
      if (action === 'allow') continue;
      const args = Array.from({ length: 6 }, () => 0n);
      for (const { index, equals } of when) args[index] = (args[index] ?? 0n) | BigInt(equals >>> 0);
      for (const call of calls) {
        const number = callNumber(call);
        if (number < 0) continue;
        refusals += 1;
        const answer = runFilter(compiled, number, args);
        assert.equal(
          (answer & ACTION) >>> 0,
          ERRNO,
          `${call} ${JSON.stringify(when)}: ${answer.toString(16)}`,
        );
      }
    }
    assert.ok(refusals > 100, `${refusals}`);
  });

test('only the first filter may report calls', () => {
  const all: readonly Filter[] = [
    { otherwise: 'EPERM', rules: [] },
    { otherwise: 'report', rules: [] },
  ];
  assert.throws(() => compileFilters(all), { code: 'seccomp' });
});

test('a comparison with bits outside of its mask, or of 32 bits, is a mistake', () => {
  for (const match of [
    { mask: 0xff, equals: 0x1ff },
    { equals: 2 ** 32 },
    { equals: -1 },
    { equals: 2 ** 32, not: true },
    { mask: 2 ** 32, equals: 0 },
  ] as const) {
    const rules = [{ calls: ['connect'], action: 'EPERM', when: [{ index: 0, ...match }] }] as const;
    assert.throws(() => compileFilters([{ otherwise: 'allow', rules }]), RangeError, JSON.stringify(match));
  }
});

/** One before the bit of x32, that bit, and the two ends of the negative numbers. */
const NUMBERS_AT_THE_ENDS = [X32 - 1, X32, 0x7fffffff, -0x8000_0000, -1];
/** AUDIT_ARCH_X86_64 without the bits of 64-bit and little-endian, AUDIT_ARCH_ARM, and others. */
const OTHER_ARCHITECTURES = [0, 0x3e, 0x8000003e, 0x4000003e, 0x40000028, 0x800000b7, 0xffff_ffff];

// proves: calls of another ABI are refused
// proves: calls of x32 are refused
test('a number or an architecture that no rule knows opens nothing', () => {
  const open = compileFilters([{ otherwise: 'allow', rules: [] }]);
  const enosys = ERRNO | constants.errno.ENOSYS;
  for (const number of NUMBERS_AT_THE_ENDS) {
    const isX32 = process.arch === 'x64' && number !== X32 - 1;
    assert.equal(runFilter(open, number, []), isX32 ? enosys : ALLOW, `call ${number}`);
  }
  for (const architecture of OTHER_ARCHITECTURES)
    assert.equal(runFilter(open, 1, [], architecture), enosys, `architecture ${architecture.toString(16)}`);
});

const HARMLESS = ['getppid', 'getpid', 'gettid'];

/** Has the kernel load the filter, and make each call under it. */
function answersOfKernel(
  program: Uint8Array,
  asked: readonly { readonly number: number; readonly args: readonly bigint[] }[],
): readonly number[] {
  const url = (path: string): string =>
    JSON.stringify(new URL(`../../shared/sys/${path}`, import.meta.url).href);
  const script = `
    const { loadProgram } = await import(${url('filter-program.js')});
    const { bind } = await import(${url('libc.js')});
    const { setNoNewPrivileges } = await import(${url('process-control.js')});
    const call = bind('long syscall(long number, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)');
    const { program, asked } = JSON.parse(process.argv[1]);
    setNoNewPrivileges();
    loadProgram(Buffer.from(program, 'base64'));
    console.log(JSON.stringify(asked.map(({ number, args }) => call(number, ...args.map(BigInt)))));
  `;
  const input = JSON.stringify({
    program: Buffer.from(program).toString('base64'),
    asked: asked.map(({ number, args }) => ({ number, args: args.map(String) })),
  });
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, input], {
    encoding: 'utf8',
  });
  assert.ok(stdout, stderr);
  return JSON.parse(stdout) as readonly number[];
}

test('the kernel takes a filter of thousands of instructions, and answers as it is written', () => {
  const next = numbers();
  const rules = Array.from(
    { length: 1000 },
    (_, at): FilterRule => ({
      calls: HARMLESS.slice(at % 3, (at % 3) + 1),
      action: ACTIONS[at % ACTIONS.length] ?? 'allow',
      when: [
        { index: 0, equals: (next() * 256) >>> 0 },
        { index: 5, mask: 0xffff_ff00, equals: (next() * 256) >>> 0 },
      ],
    }),
  );
  const stack = [
    { otherwise: 'allow', rules: rules.slice(0, 500) },
    { otherwise: 'allow', rules: rules.slice(500) },
  ] as const;
  const compiled = compileFilters(stack);
  checkLoadable(compiled);
  assert.ok(compiled.length / 8 > 3000, `${compiled.length / 8}`);
  const asked = rules.map(({ calls, when = [] }, at) => {
    const [first, last] = when.map(({ equals }) => BigInt(equals) | (BigInt(at % 2) << 32n));
    const args = [first ?? 0n, 0n, 0n, 0n, 0n, (last ?? 0n) + BigInt(at % 5 === 0 ? 256 : at % 256)];
    return { number: callNumber(calls[0] ?? ''), args };
  });
  for (const [at, answer] of answersOfKernel(compiled, asked).entries()) {
    const { number = 0, args = [] } = asked[at] ?? {};
    const wanted = runFilter(compiled, number, args);
    const what = `call ${number} with ${args.join()}: ${answer}`;
    if (wanted === ALLOW) assert.ok(answer > 0, what);
    else assert.equal(answer, 0 - (wanted & ~ACTION), what);
    if (at % 5 !== 0) assert.equal(wanted === ALLOW, rules[at]?.action === 'allow', what);
  }
});

test('more instructions than the kernel takes are refused', () => {
  const rules = Array.from({ length: 5000 }, (_, at) => ({
    calls: ['connect'],
    action: 'EPERM' as const,
    when: [
      { index: 0 as const, equals: 2 * at },
      { index: 1 as const, equals: at },
    ],
  }));
  assert.throws(() => compileFilters([{ otherwise: 'allow', rules }]), { code: 'seccomp' });
});

test('two names for one call are refused: the rules of one would be lost', () => {
  const refuse = (call: string): Filter => ({
    otherwise: 'allow',
    rules: [{ calls: [call], action: 'EPERM' }],
  });
  assert.throws(() => compileFilters([refuse('connect'), refuse('reach')], () => 42), {
    code: 'seccomp',
    message: /the call 42 has two names/,
  });
});

test('a call that this architecture does not have is left out', () => {
  const rules = [{ calls: ['vm86'], action: 'EPERM' as const }];
  const program = compileFilters([{ otherwise: 'allow', rules }], () => -10_071);
  assert.deepEqual(program, compileFilters([{ otherwise: 'allow', rules: [] }]));
});

test('a comparison reaches what is far away, either way', () => {
  // One byte of a jump counts to 255.
  for (const count of [250, 251, 252, 253, 254, 255, 256, 1000])
    for (const bothFar of [false, true])
      for (const value of [7n, 8n]) {
        const code = new FilterCode();
        const between = (): void => {
          for (let at = 0; at < count; at += 1) code.load(0);
        };
        const far = code.write({ action: 'allow' });
        if (!bothFar) between();
        const other = code.write({ action: 'skip' });
        if (bothFar) between();
        if (value === 7n) code.ifEqual(7, far, other);
        else code.ifEqual(7, other, far);
        code.load(16);
        const program = code.bytes();
        assert.equal(runFilter(program, 0, [value]), ALLOW);
        assert.equal(runFilter(program, 0, [15n - value]), ERRNO);
      }
});
