import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { readableFile } from '../harness/users.js';
import { writeTable } from './report.js';
import type { MachineResult } from './run-machine.js';
import type { StepResult } from './step.js';

const EMPTY = `# Hosts
<!-- Written by npm run machines -- --write -->
<!-- End of the table -->
after
`;
const ORDER = ['first', 'second'];
const step = (more: Partial<StepResult>): StepResult => ({
  ...{ name: 'doctor', as: 'root', passed: true, status: 0, timedOut: false, seconds: 1, output: '' },
  ...more,
});
const machine = (name: string, steps: readonly StepResult[], error?: string): MachineResult => ({
  ...{ machine: name, title: `The ${name}`, kernel: '6.1', node: 'v20', libuv: '1.46', seconds: 1, steps },
  ...(error === undefined ? {} : { error }),
  ...{ passed: true, logs: '' },
});
const found = (state: string): string =>
  JSON.stringify({
    checks: [
      { name: 'kernel', state: 'ok', found: '6.1' },
      { name: 'Yama', state, found: 'a|b' },
    ],
  });

function table(...results: readonly MachineResult[]): string[] {
  const file = readableFile('hosts.md', EMPTY);
  for (const result of results) writeTable(file, ORDER, [result]);
  const text = readFileSync(file, 'utf8');
  assert.match(text, /^# Hosts\n[\s\S]*\nafter\n$/);
  return text.split('\n').filter((line) => line.startsWith('| The'));
}

test('a row is replaced by the next run, the others stay, in the order of the machines', () => {
  const rows = table(
    machine('second', [step({})]),
    machine('first', [step({})]),
    machine('second', [step({ passed: false })]),
  );
  assert.equal(rows.length, 2);
  assert.match(rows[0] ?? '', /^\| The first \(`first`\) \| 6\.1 \| v20, libuv 1\.46 \| doctor: root \|/);
  assert.match(rows[1] ?? '', /^\| The second .* \| doctor: \*\*fails \(root\)\*\* \|/);
});

test('a row tells failed and skipped tests, and a machine that did not get to its end', () => {
  const tests = { passed: 3, failed: ['one'], skipped: ['two', 'three'] };
  const [row = ''] = table(
    machine('first', [step({ name: 'escape tests', tests, timedOut: true })], 'no power'),
  );
  assert.match(
    row,
    /escape tests: 3 passed, \*\*1 failed\*\*, 2 skipped, \*\*ended for time\*\*; \*\*not to its end\*\*/,
  );
});

test('a row names what doctor does not call ok, and for whom', () => {
  const users = ['root', 'user'] as const;
  const [both = ''] = table(
    machine(
      'first',
      users.map((as) => step({ as, output: found('degraded') })),
    ),
  );
  assert.match(both, /\| Yama: a\\\|b \(degraded\) \|/);
  const steps = users.map((as) => step({ as, output: found(as === 'root' ? 'missing' : 'ok') }));
  assert.match(table(machine('first', steps))[0] ?? '', /\| Yama: a\\\|b \(missing\), root only \|/);
});

test('a file without a place for the table is an error', () => {
  const file = readableFile('hosts.md', '');
  writeFileSync(file, '# Hosts\n');
  assert.throws(() => writeTable(file, ORDER, [machine('first', [])]), /no place for the table/);
});
