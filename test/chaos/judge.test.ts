import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Evidence, judge } from './judge.js';

const connected = JSON.stringify({ event: 'decision', outcome: 'connected' });
const GOOD: Evidence = {
  output: 'web | chaos {"transferred": true}\nweb | chaos {"began": 10, "waited": 3.5}\n',
  audit: `${connected}\n{"event":"gap","events":1}\n{"event":"decision","outcome":"refused"}\n`,
  metrics: 'postern_plugin_starts_total{plugin="web",cause="restart"} 0\n',
  steady: ['web'],
  connections: 2,
  hangs: [[9, 12]],
  deaths: 0,
  before: { descriptors: 100, residentKib: 80_000 },
  after: { descriptors: 100, residentKib: 80_000 },
};
const problems = (change: Partial<Evidence>): readonly string[] => judge({ ...GOOD, ...change }).problems;

test('a run in which nothing was lost has no problem; the time of a hang does not count as waiting', () => {
  assert.deepEqual(problems({}), []);
  assert.equal(judge(GOOD).figures['longestWaitSeconds'], 1.5);
});

test('each thing that must not happen is a problem', () => {
  assert.match(problems({ output: '' }).join(), /web did nothing/);
  assert.match(
    problems({ output: `${GOOD.output}web | chaos {"transferred": false}\n` }).join(),
    /bytes were lost/,
  );
  assert.match(problems({ metrics: GOOD.metrics.replace('} 0', '} 1') }).join(), /web was restarted/);
  assert.match(problems({ metrics: '' }).join(), /web was restarted/);
  assert.match(problems({ hangs: [] }).join(), /a call waited 3\.5 s/);
  assert.match(
    problems({ connections: 3 }).join(),
    /3 connections, but 1 lines in the audit log and 1 in gaps/,
  );
  assert.match(problems({ connections: 1 }).join(), /1 connections/);
  assert.match(problems({ after: { descriptors: 200, residentKib: 80_000 } }).join(), /descriptors/);
  assert.match(problems({ after: { descriptors: 100, residentKib: 180_000 } }).join(), /residentKib/);
});
