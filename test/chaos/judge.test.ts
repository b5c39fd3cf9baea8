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
  losses: [[9, 10]],
  deaths: 0,
  reached: ['443 192.0.2.1'],
  approved: new Set(['443 192.0.2.1']),
  specialHeard: 0,
  before: { descriptors: 100, residentKib: 80_000 },
  after: { descriptors: 100, residentKib: 80_000 },
};
const problems = (change: Partial<Evidence>): readonly string[] => judge({ ...GOOD, ...change }).problems;

test('a run in which nothing was lost has no problem; the time of a hang does not count as waiting', () => {
  assert.deepEqual(problems({}), []);
  assert.equal(judge(GOOD).figures['longestWaitSeconds'], 1.5);
  const twice = judge({
    ...GOOD,
    hangs: [
      [10, 12],
      [9, 12],
      [11, 11.5],
    ],
  });
  assert.equal(twice.figures['longestWaitSeconds'], 1.5);
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

test('each thing that must not happen to what nobody approved is a problem', () => {
  const told = (fields: object): string => `${GOOD.output}web | chaos ${JSON.stringify(fields)}\n`;
  assert.match(problems({ reached: ['8443 192.0.2.1'] }).join(), /reached unapproved: 8443 192\.0\.2\.1/);
  assert.match(problems({ specialHeard: 1 }).join(), /1 connections to a special address/);
  const special = { answered: true, special: true, start: 20, took: 0.1, limit: 10 };
  assert.deepEqual(problems({ output: told({ ...special, outcome: 13 }) }), []);
  assert.match(problems({ output: told({ ...special, outcome: 'connected' }) }).join(), /special address/);
  const slow = { answered: true, outcome: 110, start: 8, took: 15 };
  assert.deepEqual(problems({ output: told({ ...slow, limit: 10 }) }), []);
  assert.match(
    problems({ output: told({ ...slow, limit: 9 }) }).join(),
    /waited 15\.0 s, with a limit of 9 s/,
  );
  assert.deepEqual(problems({ output: told({ ...slow, limit: null }) }), []);
  assert.deepEqual(problems({ output: told({ ...slow, limit: 5, own: true }) }), []);
  assert.match(problems({ output: told({ ...slow, limit: 5, own: true }), losses: [] }).join(), /waited 15/);
  const many = new Set(Array.from({ length: 11 }, (_, at) => `443 192.0.2.${at}`));
  assert.match(problems({ reached: [], approved: many }).join(), /nothing that was approved connected/);
});
