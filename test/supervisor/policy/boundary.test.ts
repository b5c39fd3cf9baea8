import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { gatewayConfig } from '../../../sandbox/supervisor/gateway/plugin-gateway.js';
import { narrow, openingsBeyond, requestsBeyond } from '../../../sandbox/supervisor/policy/boundary.js';
import { type PluginConfig, plainPlugin } from '../../../shared/config/plugin-config.js';
import { httpRulesOf } from '../../../shared/policy/http-rules.js';
import type { Boundary, PolicySource } from '../../../shared/policy/policy.js';
import { passes } from '../../policy/compared.js';
import { policy, request } from '../../policy/random-policies.js';

const plugin = (rules: Partial<PluginConfig>): PluginConfig => ({
  ...plainPlugin('agent', ['true']),
  ...rules,
});
const policyOf = (allow: readonly string[], deny: readonly string[] = []): PolicySource => ({ allow, deny });

/** What stays, and what is told as beyond. */
function narrowed(rules: Partial<PluginConfig>, boundary: PolicySource): readonly unknown[] {
  const { config, beyond } = narrow(plugin(rules), boundary);
  return [config.allow, beyond.map(({ what, example }) => `${what} > ${example}`)];
}

test('narrow() keeps the rules that a policy allows, and leaves out the others whole', () => {
  const rules = { allow: ['api.example.com', '*.example.com', '10.1.0.0/16:5432', 'unix:/run/a.sock'] };
  assert.deepEqual(narrowed(rules, policyOf(['*.example.com', 'unix:/run/a.sock'])), [
    ['api.example.com', '*.example.com', 'unix:/run/a.sock'],
    ['10.1.0.0/16:5432 > 10.1.0.0:5432'],
  ]);
  assert.deepEqual(narrowed(rules, policyOf(['api.example.com', '10.0.0.0/8:5432'])), [
    ['api.example.com', '10.1.0.0/16:5432'],
    ['*.example.com > x.example.com:443', 'unix:/run/a.sock > unix:/run/a.sock'],
  ]);
  assert.deepEqual(narrowed({ allow: [] }, policyOf([])), [[], []]);
});

// proves: policy: its deny rules hold for every plugin
test('narrow() adds the deny rules of the policy, so a wide rule stays without what they cover', () => {
  const boundary = policyOf(['*.example.com'], ['tracker.example.com']);
  const { config, beyond } = narrow(plugin({ allow: ['*.example.com'], deny: ['a.example.com'] }), boundary);
  assert.deepEqual(
    [config.allow, config.deny, beyond],
    [['*.example.com'], ['a.example.com', 'tracker.example.com'], []],
  );
});

// proves: policy: mode audit does not go beyond it
test('narrow() ends mode audit', () => {
  const { config, beyond } = narrow(
    plugin({ mode: 'audit', allow: ['example.com'] }),
    policyOf(['example.com']),
  );
  assert.deepEqual(
    [config.mode, config.allow, beyond.map(({ what }) => what)],
    ['enforce', ['example.com'], ['mode: audit']],
  );
});

// proves: policy: what rules open together lies within it too
test('narrow() sees what two rules open together and neither alone', () => {
  const rules = { allow: ['example.com', '@private:443'], deny: ['@public:443'] };
  assert.deepEqual(narrowed(rules, policyOf(['@private:443'])), [
    ['@private:443'],
    ['example.com > example.com:443'],
  ]);
});

// proves: policy: special addresses of a gateway's host lie within it too
test('narrow() bounds a gateway: its ports, its special addresses, and both together', () => {
  const host = {
    ...{ host: 'api.example.com', ports: [443, 8443], headers: {}, allow: [], deny: [], masks: true },
    addresses: ['10.1.2.3:443'],
  };
  const rules = { allow: ['api.example.com:443,8443'], gateway: [host] };
  const openOf = (boundary: PolicySource, more: Partial<PluginConfig> = {}): readonly unknown[] => {
    const { config } = narrow(plugin({ ...rules, ...more }), boundary);
    assert.deepEqual([...openingsBeyond(config, boundary)], []);
    return [config.gateway?.[0]?.ports, config.gateway?.[0]?.addresses];
  };
  assert.deepEqual(openOf(policyOf(['api.example.com:443,8443', '10.1.2.3:443'])), [
    [443, 8443],
    ['10.1.2.3:443'],
  ]);
  assert.deepEqual(openOf(policyOf(['api.example.com:443,8443'])), [[443, 8443], []]);
  assert.deepEqual(openOf(policyOf(['api.example.com:443', '10.1.2.3:443'])), [[443], ['10.1.2.3:443']]);
  assert.deepEqual(openOf(policyOf(['10.1.2.3:443']), { deny: ['@public:443,8443'] }), [[], []]);
  assert.deepEqual(gatewayConfig(narrow(plugin(rules), policyOf([])).config)?.allow, []);
});

const gatewayOf = (
  allow: readonly string[],
  deny: readonly string[] = [],
): NonNullable<PluginConfig['gateway']> => [
  { host: 'api.example.com', ports: [443], headers: {}, allow, deny, masks: true },
];
const withGateway: Boundary = {
  ...policyOf(['*.example.com']),
  gateway: new Map([
    [
      'api.example.com',
      { allow: httpRulesOf(['GET /**', 'POST /issues']), deny: httpRulesOf(['* /admin/**']) },
    ],
  ]),
};

// proves: policy: a host that it has a gateway for is reached by one alone
test('narrow() closes a host that the policy has a gateway for, if the plugin has none', () => {
  const rules = { allow: ['api.example.com', '*.example.com'] };
  const { config, beyond } = narrow(plugin(rules), withGateway);
  assert.deepEqual(
    [config.allow, config.deny, beyond.map(({ what, example }) => `${what} > ${example}`)],
    [['*.example.com'], ['api.example.com'], ['api.example.com > this host without a gateway']],
  );
  assert.deepEqual(
    [...openingsBeyond(plugin(rules), withGateway)].map(({ host }) => host),
    ['api.example.com'],
  );
  assert.deepEqual([...openingsBeyond(plugin({ ...rules, gateway: gatewayOf([]) }), withGateway)], []);
});

// proves: policy: its deny rules for requests hold for every gateway
test('narrow() keeps the rules of a gateway that the policy allows, and closes the host if none is left', () => {
  const narrowedTo = (allow: readonly string[], deny: readonly string[] = []): readonly unknown[] => {
    const { config, beyond } = narrow(
      plugin({ allow: ['api.example.com'], gateway: gatewayOf(allow, deny) }),
      withGateway,
    );
    assert.deepEqual(requestsBeyond(config, withGateway), []);
    const [host] = config.gateway ?? [];
    return [host?.ports, host?.allow, host?.deny, beyond.map(({ what, example }) => `${what} > ${example}`)];
  };
  assert.deepEqual(narrowedTo(['GET /repos/**', 'POST /**'], ['* /x']), [
    [443],
    ['GET /repos/**'],
    ['* /x', '* /admin/**'],
    ['gateway.api.example.com: POST /** > POST /'],
  ]);
  assert.deepEqual(narrowedTo(['GET /**']), [[443], ['GET /**'], ['* /admin/**'], []]);
  assert.deepEqual(narrowedTo([]).slice(0, 2), [[], []]);
  assert.deepEqual(narrowedTo(['PUT /**']), [
    [],
    ['PUT /**'],
    ['* /admin/**'],
    ['gateway.api.example.com: PUT /** > PUT /'],
  ]);
});

test('narrow() leaves nothing that the policy does not let through, and of plugins within it takes nothing', () => {
  fc.assert(
    fc.property(
      policy,
      policy,
      fc.array(request, { minLength: 20, maxLength: 40 }),
      (own, boundary, requests) => {
        const bound = policyOf(boundary.allow, boundary.deny);
        const { config, beyond } = narrow(plugin(own), bound);
        for (const one of requests) {
          if (passes(config, one))
            assert.ok(passes(bound, one) && passes(own, one), JSON.stringify({ own, bound, one }));
          else if (beyond.length === 0)
            assert.ok(!(passes(bound, one) && passes(own, one)), JSON.stringify({ own, bound, one }));
        }
      },
    ),
    { numRuns: 60 },
  );
});
