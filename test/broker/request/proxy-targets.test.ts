import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyTargets, ruleAround } from '../../../broker/request/connect-upstream.js';
import type { UpstreamProxy } from '../../../broker/upstream/upstream.js';
import { makeDecision } from '../../../shared/policy/decision.js';
import { addressOf, ELSEWHERE, policyOf } from '../../policy/rules.js';

/** The host that the proxy is asked for. */
function hostFor(reason: 'rule' | 'approved'): string | undefined {
  const [host, dial] = ['api.example.com', [addressOf('93.184.216.10')]];
  const decision = makeDecision({ decision: 'allow', reason, host, port: 443, dial });
  const judgement = { decision, policy: undefined, considered: dial, dnsMs: null };
  return proxyTargets({ proxy: { resolve: 'both' } as UpstreamProxy }, judgement, () => ELSEWHERE)[0]?.host;
}

test('proxyTargets() names a host that a rule allows, and the checked address of one that was approved', () => {
  assert.equal(hostFor('rule'), 'api.example.com');
  assert.equal(hostFor('approved'), '93.184.216.10');
});

const DIRECT = policyOf([], ['*.inner.test', 'mixed.test:5432', '10.0.0.0/8', '203.0.113.7:443']);
const PROXY = { proxy: { resolve: 'both' } as UpstreamProxy, direct: DIRECT };

/** What the proxy is asked for. @param names that the sandbox's DNS gave the address for; undefined for a request of the channel */
function asked(host: string, port: number, dial: readonly string[], names?: readonly string[]): string {
  const decision = makeDecision({ decision: 'allow', reason: 'rule', host, port, dial: dial.map(addressOf) });
  const policy = policyOf(['**.test:*']);
  const judgement = { decision, policy, considered: [], dnsMs: null, ...(names && { names }) };
  const [target] = proxyTargets(PROXY, judgement, () => ELSEWHERE);
  const rule = ruleAround(PROXY, judgement, ELSEWHERE)?.text;
  assert.equal(target === undefined, rule !== undefined);
  return target?.host ?? `around by ${rule}`;
}

test('a destination goes around the proxy by its name, on the ports of the rule', () => {
  assert.equal(asked('db.inner.test', 5432, ['93.184.216.10']), 'around by *.inner.test');
  assert.equal(asked('inner.test', 5432, ['93.184.216.10']), 'inner.test');
  assert.equal(asked('mixed.test', 5432, ['93.184.216.10']), 'around by mixed.test:5432');
  assert.equal(asked('mixed.test', 443, ['93.184.216.10']), 'mixed.test');
});

test('a destination goes around the proxy by its addresses, if all of them are covered', () => {
  assert.equal(asked('far.test', 443, ['10.1.2.3', '203.0.113.7']), 'around by 10.0.0.0/8');
  assert.equal(asked('far.test', 80, ['10.1.2.3', '203.0.113.7']), 'far.test');
  assert.equal(asked('far.test', 443, ['10.1.2.3', '93.184.216.10']), 'far.test');
  assert.equal(asked('far.test', 443, ['::ffff:10.1.2.3']), 'around by 10.0.0.0/8');
  assert.equal(asked('10.1.2.3', 22, ['10.1.2.3']), 'around by 10.0.0.0/8');
  assert.equal(asked('93.184.216.10', 22, ['93.184.216.10']), '93.184.216.10');
});

// proves: what goes around a proxy by one of its names does not go by the other
test("a program's own connect goes around the proxy if all names of its address are covered", () => {
  const address = '93.184.216.10';
  assert.equal(
    asked('a.inner.test', 443, [address], ['a.inner.test', 'b.inner.test']),
    'around by *.inner.test',
  );
  assert.equal(asked('a.inner.test', 443, [address], ['a.inner.test', 'far.test']), address);
  assert.equal(asked(address, 443, [address], []), address);
});
