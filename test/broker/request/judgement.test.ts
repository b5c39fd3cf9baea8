import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PluginAsks } from '../../../broker/approval/plugin-approvals.js';
import { admitConnection, type Judgement } from '../../../broker/request/judgement.js';
import type { Plugin } from '../../../broker/request/plugin.js';
import { makeDecision } from '../../../shared/policy/decision.js';

const ASKED = { host: 'a.example.com', port: 443 };
const APPROVED: Judgement = {
  decision: makeDecision({ decision: 'allow', reason: 'approved', ...ASKED }),
  policy: undefined,
  considered: [],
  dnsMs: null,
};

// proves: an approval for once permits one connection, however many wait for it
test('of many requests that have found one approval for once, one gets its connection', () => {
  const asks = new PluginAsks({ asked: () => {}, ended: () => {} } as never);
  asks.approvals.addBrief(ASKED, { answer: 'once', by: { kind: 'control' } } as never, 10_000, 1);
  const plugin = { asks, connections: undefined, descriptors: { hasRoom: () => true } } as unknown as Plugin;
  const decisions = [1, 2, 3].map(() => admitConnection(plugin, APPROVED).judgement.decision);
  assert.deepEqual(
    decisions.map(({ decision, reason }) => `${decision} ${reason}`),
    ['allow approved', 'deny no_rule', 'deny no_rule'],
  );
  assert.match(decisions[1]?.message ?? '', /approved for once, and another connection has used that$/);
  // What is approved for this run permits all of them.
  asks.approvals.addForRun(ASKED, { answer: 'run', by: { kind: 'control' } } as never);
  assert.equal(admitConnection(plugin, APPROVED).judgement, APPROVED);
});
