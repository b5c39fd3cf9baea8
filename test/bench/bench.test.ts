// One tiny measure of the bench, to its report. Figures of a machine that runs tests say nothing, so none is asserted.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('main.js', import.meta.url));
const bench = (...args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

test('the bench measures connects, and reports every contestant and aim', () => {
  const { status, stdout, stderr } = bench('--json', '--quick', '--rounds', '2', 'connect-c-64');
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  assert.ok(report.measures[0].host.kernel.startsWith('Linux '));
  const [measure] = report.measures;
  assert.equal(measure.rounds, 2);
  const [rate] = measure.figures;
  const names = rate.rows.map(({ contestant }: { contestant: string }) => contestant);
  for (const name of ['direct', 'C limit, hand-over', 'C limit, trap', 'C limit, trap with checks', 'trap'])
    assert.ok(names.includes(name), name);
  for (const { values, median } of rate.rows) {
    assert.equal(values.length, 2);
    assert.ok(median > 0);
  }
  assert.equal(rate.aims.length, 1);
});

test('a measure that does not exist is wrong usage, and the message names those that do', () => {
  const { status, stderr } = bench('nothing');
  assert.equal(status, 2);
  assert.match(stderr, /no measure nothing; there are connect-c, /);
});
