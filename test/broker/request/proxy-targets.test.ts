import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyTargets } from '../../../broker/request/proxy-targets.js';
import type { UpstreamProxy } from '../../../broker/upstream/upstream.js';
import { makeDecision } from '../../../shared/policy/make-decision.js';
import { addressOf, ELSEWHERE } from '../../policy/rules.js';

/** The host that the proxy is asked for. */
function hostFor(reason: 'rule' | 'approved'): string | undefined {
  const [host, dial] = ['api.example.com', [addressOf('93.184.216.10')]];
  const decision = makeDecision({ decision: 'allow', reason, host, port: 443, dial });
  const judgement = { decision, policy: undefined, considered: dial, dnsMs: null };
  return proxyTargets({ resolve: 'both' } as UpstreamProxy, judgement, ELSEWHERE)[0]?.host;
}

test('proxyTargets() names a host that a rule allows, and the checked address of one that was approved', () => {
  assert.equal(hostFor('rule'), 'api.example.com');
  assert.equal(hostFor('approved'), '93.184.216.10');
});
