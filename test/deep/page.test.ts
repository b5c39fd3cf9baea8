import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineResult } from '../machines/run-machine.js';
import type { StepResult } from '../machines/step.js';
import { withResults } from './page.js';
import type { SliceResult } from './run-slice.js';

const EMPTY = `# Hosts
<!-- Stages, written by npm run deep -- --write -->
<!-- End of the stages -->
<!-- Machines, written by npm run deep -- --write -->
<!-- End of the machines -->
after
`;
const FIRST = { machine: 'debian13', title: "Debian 13, systemd, Debian's Node" };
const SECOND = { machine: 'linux-6.1', title: 'Debian 13, kernel of Debian 12' };
const step = (more: Partial<StepResult>): StepResult => ({
  ...{ name: 'doctor', as: 'root', passed: true, status: 0, timedOut: false, seconds: 1, output: '' },
  ...more,
});
const machine = (named: typeof FIRST, steps: readonly StepResult[], error?: string): MachineResult => ({
  ...{ ...named, kernel: '6.1', node: 'v20', libuv: '1.46', seconds: 1, steps },
  ...(error === undefined ? {} : { error }),
  ...{ passed: true, logs: '' },
});
const slice = (name: string, more: Partial<SliceResult> = {}): SliceResult => ({
  ...{ slice: name, stage: name.replace(/\/.*/, ''), result: 'passed', seconds: 61, log: '' },
  ...more,
});
const found = (state: string): string =>
  JSON.stringify({
    checks: [
      { name: 'kernel', state: 'ok', found: '6.1' },
      { name: 'Yama', state, found: 'a|b' },
    ],
  });

function rows(page: string, ...results: readonly SliceResult[]): readonly [string, readonly string[]] {
  const text = withResults(page, results, { commit: 'abc', date: '2026-01-02' });
  assert.match(text, /^# Hosts\n[\s\S]*\nafter\n$/);
  return [text, text.split('\n').filter((line) => /^\| (?:`|Debian)/.test(line))];
}
const machineRows = (...machines: readonly MachineResult[]): readonly string[] =>
  rows(EMPTY, slice('machines/1', { machines }))[1];

test('a row is replaced by the next run, the others stay, in the order of the table', () => {
  const [once] = rows(
    EMPTY,
    slice('alerts'),
    slice('machines/1', { machines: [machine(SECOND, [step({})])] }),
  );
  const [, all] = rows(
    once,
    slice('containers', { result: 'failed', tests: { passed: 3, failed: 1, skipped: 0 } }),
    slice('machines/2', {
      machines: [machine(FIRST, [step({})]), machine(SECOND, [step({ passed: false })])],
    }),
  );
  assert.equal(all.length, 4);
  assert.match(all[0] ?? '', /^\| `alerts` \| [^|]+ \| {2}\| 2 \| passed \| `abc` \| 2026-01-02 \|$/);
  assert.match(all[1] ?? '', /^\| `containers` \| [^|]+ \| 4 \| 2 \| \*\*containers: failed\*\* \|/);
  assert.match(all[2] ?? '', /\(`debian13`\) \| 6\.1 \| v20, libuv 1\.46 \| doctor: root \|/);
  assert.match(all[3] ?? '', /\(`linux-6\.1`\) .* \| doctor: \*\*fails \(root\)\*\* \|/);
});

test('a row tells which slice passed only when it ran again', () => {
  assert.match(
    rows(EMPTY, slice('alerts', { attempts: 2 }))[1][0] ?? '',
    /\| passed, alerts at attempt 2 \|/,
  );
});

test('a stage of which a slice did not run gets no row', () => {
  assert.deepEqual(rows(EMPTY, slice('twins/1'))[1], []);
});

test('a row tells failed and skipped tests, and a machine that did not get to its end', () => {
  const tests = { passed: 3, failed: ['one'], skipped: ['two', 'three'] };
  const [row = ''] = machineRows(
    machine(FIRST, [step({ name: 'escape tests', tests, timedOut: true })], 'no power'),
  );
  assert.match(
    row,
    /escape tests: 3 passed, \*\*1 failed\*\*, 2 skipped, \*\*ended for time\*\*; \*\*not to its end\*\*/,
  );
});

test('a row names what doctor does not call ok, and for whom', () => {
  const users = ['root', 'user'] as const;
  const [both = ''] = machineRows(
    machine(
      FIRST,
      users.map((as) => step({ as, output: found('degraded') })),
    ),
  );
  assert.match(both, /\| Yama: a\\\|b \(degraded\) \|/);
  const steps = users.map((as) => step({ as, output: found(as === 'root' ? 'missing' : 'ok') }));
  assert.match(machineRows(machine(FIRST, steps))[0] ?? '', /\| Yama: a\\\|b \(missing\), root only \|/);
});

test('a page without a place for a table is an error', () => {
  assert.throws(() => withResults('# Hosts\n', [], { commit: 'abc', date: '' }), /no place for the table/);
});
