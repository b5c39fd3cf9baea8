import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Gauge } from 'prom-client';
import { Metrics, metricsAnswers } from '../../../broker/record/metrics.js';
import { SERIES_PER_TURN } from '../../../shared/limits.js';

const PLUGINS = 300;

// proves: metrics: the gauges and the text of a page are not in one turn of the event loop
// proves: metrics: the list of series and their text are not in one turn of the event loop
test('the work for a page that grows with the plugins is in separate turns of the event loop', async (t) => {
  const metrics = new Metrics();
  for (let at = 0; at < PLUGINS; at += 1) metrics.ofPlugin(`p${at}`);
  let turn = 0;
  let turning = setImmediate(function tick() {
    turn += 1;
    turning = setImmediate(tick);
  });
  t.after(() => clearImmediate(turning));
  const steps: { readonly turn: number; readonly work: string }[] = [];
  for (const { prototype } of [Counter, Gauge]) {
    const get = prototype.get;
    t.mock.method(prototype, 'get', async function read(this: Counter & Gauge) {
      const found = await get.call(this);
      if (found.values.length >= PLUGINS) steps.push({ turn, work: `list ${found.name}` });
      return found;
    });
  }
  await new Promise<void>((resolve) => {
    const show = async (): Promise<void> => void steps.push({ turn, work: 'gauges' });
    const answer = metricsAnswers(metrics, show, (line) => {
      if (line.type !== 'metrics') return;
      if (line.last) resolve();
      else steps.push({ turn, work: `text ${line.text.split('\n').length}` });
    });
    answer(1);
  });
  assert.equal(steps.filter(({ work }) => work === 'gauges').length, 1);
  assert.ok(steps.filter(({ work }) => work.startsWith('list')).length > 5);
  assert.ok(steps.filter(({ work }) => work.startsWith('text')).length > (40 * PLUGINS) / SERIES_PER_TURN);
  const shared = steps.filter(({ turn }, at) => turn === steps[at - 1]?.turn);
  assert.deepEqual(shared, []);
});
