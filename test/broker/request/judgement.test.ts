import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitConnection, type Judgement } from '../../../broker/request/judgement.js';
import { makeDecision } from '../../../shared/policy/decision.js';
import { makePlugin, makeServices } from '../make-plugin.js';

const ASKED = { host: 'a.example.com', port: 443 };
const APPROVED: Judgement = {
  decision: makeDecision({ decision: 'allow', reason: 'approved', ...ASKED }),
  policy: undefined,
  considered: [],
  dnsMs: null,
};

// proves: an approval for once permits one connection, however many wait for it
test('of many requests that have found one approval for once, one gets its connection', () => {
  using services = makeServices();
  const plugin = makePlugin('maker', services);
  const { approvals } = plugin.asks;
  approvals.addBrief(ASKED, { answer: 'once', by: 'control' }, 10_000, 1);
  const decisions = [1, 2, 3].map(() => admitConnection(plugin, APPROVED).judgement.decision);
  assert.deepEqual(
    decisions.map(({ decision, reason }) => `${decision} ${reason}`),
    ['allow approved', 'deny no_rule', 'deny no_rule'],
  );
  assert.match(decisions[1]?.message ?? '', /approved for once, and another connection has used that$/);
  // What is approved for this run permits all of them.
  approvals.addForRun(ASKED, { answer: 'run', by: 'control' });
  assert.equal(admitConnection(plugin, APPROVED).judgement, APPROVED);
});
