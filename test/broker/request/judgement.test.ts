import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_CONNECTIONS } from '../../../broker/ledger/register.js';
import { admitConnection, type Judgement, refuseSpent, spentOf } from '../../../broker/request/judgement.js';
import { limitsOf, type WrittenLimits } from '../../../shared/config/limit-forms.js';
import { makeDecision } from '../../../shared/policy/decision.js';
import { policyOf } from '../../policy/rules.js';
import { makePlugin, makeServices } from '../make-plugin.js';

const ASKED = { host: 'a.example.com', port: 443 };
const APPROVED: Judgement = {
  decision: makeDecision({ decision: 'allow', reason: 'approved', ...ASKED }),
  policy: undefined,
  considered: [],
  dnsMs: null,
};

// proves: quota: a connection whose bytes nobody knows lets no other one be made
test('while the bytes of a connection that is over are unknown, a plugin with a quota gets no other one', () => {
  using services = makeServices();
  const plugin = makePlugin('maker', services);
  const refusal = (written: WrittenLimits, isOver: boolean): string | undefined => {
    plugin.configure(policyOf([]), limitsOf(written));
    plugin.register({ ...NO_CONNECTIONS, hasOver: () => isOver });
    const spent = spentOf(plugin);
    return spent && refuseSpent(spent, APPROVED.decision).message;
  };
  assert.equal(refusal({ sent_mib: 1 }, false), undefined);
  assert.equal(refusal({}, true), undefined);
  assert.match(
    refusal({ received_mib: 1 }, true) ?? '',
    /received_mib cannot be judged: a connection is over/,
  );
});

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
