import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RememberedVerdicts } from '../../../broker/request/plugin.js';
import { REMEMBERED_VERDICTS } from '../../../shared/limits.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { compilePolicy } from '../../../shared/policy/compile-policy.js';
import { judgeRequest } from '../../../shared/policy/decide.js';
import { type HostContext, OwnAddresses } from '../../../shared/policy/host-block.js';
import type { Policy } from '../../../shared/policy/policy.js';

const NOWHERE: HostContext = { own: OwnAddresses.of(), listeners: [] };
const ADDRESS = '192.0.2.7';

function policyOf(...allow: readonly string[]): Policy {
  const compiled = compilePolicy({ allow, deny: [] });
  assert.ok(compiled.ok);
  return compiled.policy;
}

test('a remembered verdict is the one that the rules give, for names, addresses and malformed hosts', () => {
  const policy = policyOf('example.com', `${ADDRESS}:443`);
  const verdicts = new RememberedVerdicts();
  for (const host of ['example.com', 'example.org', ADDRESS, '198.51.100.1', 'a b', 'example.com 443', '']) {
    for (const port of [443, 80, 0, 4430]) {
      const expected = judgeRequest(policy, { host, port }, NOWHERE);
      for (let time = 0; time < 2; time += 1)
        assert.deepEqual(verdicts.judge(policy, { host, port }, NOWHERE), expected, `${host} ${port}`);
    }
  }
});

// proves: a verdict of former rules is void
// proves: a verdict of former host addresses is void
test('other rules, and another host, are asked anew', () => {
  const verdicts = new RememberedVerdicts();
  const address = parseAddress('10.0.0.5');
  assert.ok(address !== undefined);
  const [open, shut] = [policyOf('10.0.0.0/8:443'), policyOf()];
  const reason = (policy: Policy, context: HostContext): string =>
    verdicts.decide(policy, address, 443, context).reason;
  assert.equal(reason(open, NOWHERE), 'rule');
  assert.equal(reason(shut, NOWHERE), 'no_rule');
  assert.equal(reason(open, NOWHERE), 'rule');
  assert.equal(reason(open, { own: OwnAddresses.of(address), listeners: [] }), 'address_special');
});

test('the remembered verdicts are bounded', () => {
  const policy = policyOf();
  const verdicts = new RememberedVerdicts();
  const first = verdicts.judge(policy, { host: 'a.example', port: 1 }, NOWHERE);
  assert.equal(verdicts.judge(policy, { host: 'a.example', port: 1 }, NOWHERE), first);
  for (let port = 1; port <= REMEMBERED_VERDICTS; port += 1)
    verdicts.judge(policy, { host: 'b.example', port }, NOWHERE);
  assert.notEqual(verdicts.judge(policy, { host: 'a.example', port: 1 }, NOWHERE), first);
});
