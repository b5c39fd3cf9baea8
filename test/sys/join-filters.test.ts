import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filters } from '../../sandbox/launch/filters.js';
import { joinFilters } from '../../shared/sys/join-filters.js';
import { buildProgram, type Filter } from '../../shared/sys/seccomp.js';
import { constantsOf, runFilter } from '../harness/run-filter.js';

const CALLS = 600;
const SAMPLES = 60;
const ACTION = 0xffff0000;
/** AUDIT_ARCH_I386. */
const OTHER_ABI = 0x40000003;
const REPORTING: Filter = {
  otherwise: 'allow',
  rules: [
    { calls: ['connect', 'bind'], action: 'notify' },
    {
      calls: ['setsockopt'],
      action: 'notify',
      when: [
        { index: 1, equals: 1 },
        { index: 2, equals: 13 },
      ],
    },
  ],
};

/** seccomp(2): of all filters the strictest action counts, and of two equal ones that of the filter loaded last. */
function ofStack(
  programs: readonly Uint8Array[],
  number: number,
  args: readonly bigint[],
  abi?: number,
): number {
  return programs
    .map((program) => runFilter(program, number, args, abi))
    .reduce((strictest, answer) =>
      (answer & ACTION) >>> 0 <= (strictest & ACTION) >>> 0 ? answer : strictest,
    );
}

test('joined filters answer every call as the stacked ones do', () => {
  for (const egress of ['transparent', 'channel'] as const) {
    const all = [...(egress === 'transparent' ? [REPORTING] : []), ...filters({ egress })];
    const programs = all.map(buildProgram);
    const joined = joinFilters(programs);
    const values = [...new Set([0n, 1n, ...programs.flatMap(constantsOf)])];
    // The same numbers in each run.
    let state = 1;
    const next = (): bigint => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      const value = values[(state >>> 8) % values.length] ?? 0n;
      return state % 7 === 0 ? value | 0x1_0000_0000n : value;
    };
    const answers = new Set<number>();
    for (let number = -1; number < CALLS; number += 1)
      for (let sample = 0; sample < SAMPLES; sample += 1) {
        const args = Array.from({ length: 6 }, next);
        const answer = runFilter(joined, number, args);
        answers.add(answer);
        assert.equal(
          answer,
          ofStack(programs, number, args),
          `${egress}: call ${number} with ${args.join()}`,
        );
      }
    assert.ok(answers.size >= (egress === 'transparent' ? 4 : 3), [...answers].join());
    assert.equal(
      runFilter(joined, 1, [], OTHER_ABI),
      ofStack(programs, 1, [], OTHER_ABI),
      'a call of another ABI',
    );
  }
});

test('of two errnos that of the last filter counts, and an errno before a report', () => {
  const all = (['notify', 'EPERM', 'EACCES'] as const).map(
    (action): Filter => ({ otherwise: 'allow', rules: [{ calls: ['connect'], action }] }),
  );
  const connect = process.arch === 'arm64' ? 203 : 42;
  const programs = all.map(buildProgram);
  assert.equal(runFilter(joinFilters(programs), connect, []), 0x0005_0000 | 13);
  assert.equal(runFilter(joinFilters(programs.slice(0, 2)), connect, []), 0x0005_0000 | 1);
  assert.equal(runFilter(joinFilters(programs.slice(0, 1)), connect, []), 0x7fc0_0000);
});

test('more instructions than the kernel takes, and unknown ones, are refused', () => {
  const [large = new Uint8Array()] = filters({ egress: 'channel' }).map(buildProgram);
  assert.throws(() => joinFilters(Array.from({ length: 9 }, () => large)), { code: 'seccomp' });
  const register = new Uint8Array([0x16, 0, 0, 0, 0, 0, 0, 0]);
  assert.throws(() => joinFilters([large, register]), { code: 'seccomp' });
});
