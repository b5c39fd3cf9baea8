import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { TrappedCall } from '../../../broker/caller/trapped-call.js';
import { Grants } from '../../../broker/dns/grants.js';
import type { Judgement } from '../../../broker/request/judgement.js';
import { connectOrdinary } from '../../../broker/trap/ordinary-connect.js';
import { RememberedConnects } from '../../../broker/trap/remembered-connects.js';
import type { TrapContext, TrappedSocket } from '../../../broker/trap/trap-context.js';
import { STRAIGHT, type Upstream } from '../../../broker/upstream/upstream.js';
import { limitsOf } from '../../../shared/config/limit-forms.js';
import { type Address, addressFromBytes, parseAddress } from '../../../shared/policy/address.js';
import { compilePolicy } from '../../../shared/policy/compile-policy.js';
import { makeDecision } from '../../../shared/policy/decision.js';
import { type HostContext, OwnAddresses } from '../../../shared/policy/host-block.js';
import type { Policy } from '../../../shared/policy/policy.js';
import { AF_INET, AF_INET6, encodeSockaddr } from '../../../shared/sys/sockaddr.js';

const PORT = 443;

function addressOf(text: string): Address {
  return parseAddress(text) ?? assert.fail(text);
}

function policyOf(): Policy {
  const compiled = compilePolicy({ allow: ['192.0.2.0/24:443'], deny: [] });
  assert.ok(compiled.ok);
  return compiled.policy;
}

/** What decides, and a table that goes by it. */
function scene() {
  let now = 0;
  const around: { host: HostContext } = { host: { own: OwnAddresses.of(), listeners: [] } };
  const plugin: { policy: Policy; limits: ReturnType<typeof limitsOf>; upstream: Upstream } = {
    ...{ policy: policyOf(), limits: limitsOf({}), upstream: STRAIGHT },
  };
  const grants = new Grants(() => now);
  const remembered = new RememberedConnects(
    { host: { context: () => around.host } as never },
    plugin,
    grants,
  );
  const find = (text: string, port = PORT): string | undefined => {
    const { bytes, family } = addressOf(text);
    const raw = encodeSockaddr({ bytes, port });
    return remembered.find(raw, family === 4 ? AF_INET : AF_INET6)?.address.text;
  };
  /** Decides as the general way does, and remembers it. */
  const decide = (text: string, special: Partial<Judgement> = {}, family?: 4 | 6): void => {
    const address = addressOf(text);
    find(text);
    remembered.note(address, family ?? address.family, { ...allowed(plugin.policy, address), ...special });
  };
  return {
    ...{ around, plugin, grants, remembered, find, decide },
    wait: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

function allowed(policy: Policy, address: Address): Judgement {
  const about = { host: address.text, port: PORT, dial: [address] };
  const decision = makeDecision({ decision: 'allow', reason: 'rule', rule: '192.0.2.0/24:443', ...about });
  return { decision, policy, considered: [address], names: [], dnsMs: null };
}

test('what the general way has dialled is found by address and port, of both families', () => {
  const { find, decide } = scene();
  for (const text of ['192.0.2.7', '2001:db8::7']) {
    assert.equal(find(text), undefined);
    decide(text);
    assert.equal(find(text), text);
    assert.equal(find(text, PORT + 1), undefined);
  }
  assert.equal(find('192.0.2.8'), undefined);
  assert.equal(find('2001:db8::8'), undefined);
});

test('an address that is too short or of another family than its socket is not found', () => {
  const { decide, remembered } = scene();
  decide('192.0.2.7');
  const raw = encodeSockaddr({ bytes: addressOf('192.0.2.7').bytes, port: PORT });
  assert.notEqual(remembered.find(raw, AF_INET), undefined);
  assert.equal(remembered.find(raw, AF_INET6), undefined);
  assert.equal(remembered.find(raw.subarray(0, 15), AF_INET), undefined);
});

// proves: an ordinary connect goes where its verdict is about
test('two addresses with one key are two destinations', () => {
  const { find, decide } = scene();
  const [one, other] = twins();
  decide(one);
  assert.equal(find(one), one);
  assert.equal(find(other), undefined);
});

/** Some hundred thousand IPv6 addresses have two with one hash. */
function twins(): readonly [string, string] {
  const seen = new Map<number, string>();
  for (let number = 0; number < 1_000_000; number += 1) {
    const bytes = createHash('sha256').update(String(number)).digest().subarray(0, 16);
    const key = bytes.reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193), 0x811c9dc5);
    const former = seen.get(key);
    const { text } = addressFromBytes(bytes);
    if (former !== undefined) return [former, text];
    seen.set(key, text);
  }
  return assert.fail('No two addresses have one hash');
}

// proves: an ordinary connect of former rules is decided anew
// proves: an ordinary connect of former host addresses is decided anew
// proves: an ordinary connect of former grants is decided anew
// proves: an ordinary connect of a former upstream is decided anew
// proves: an ordinary connect of former limits is decided anew
test('a change of rules, limits, upstream, host addresses or grants makes every verdict void', () => {
  type Scene = ReturnType<typeof scene>;
  const changes: Readonly<Record<string, (scene: Scene) => void>> = {
    rules: ({ plugin }) => {
      plugin.policy = policyOf();
    },
    limits: ({ plugin }) => {
      plugin.limits = limitsOf({});
    },
    upstream: ({ plugin }) => {
      plugin.upstream = {};
    },
    'host addresses': ({ around }) => {
      around.host = { ...around.host };
    },
    grants: ({ grants }) => grants.add(addressOf('192.0.2.7'), 'example.com', 1),
  };
  for (const [what, change] of Object.entries(changes)) {
    const one = scene();
    one.decide('192.0.2.7');
    assert.equal(one.find('192.0.2.7'), '192.0.2.7');
    change(one);
    assert.equal(one.find('192.0.2.7'), undefined, what);
    assert.equal(one.find('192.0.2.7'), undefined, what);
    one.decide('192.0.2.7');
    assert.equal(one.find('192.0.2.7'), '192.0.2.7', what);
  }
});

// proves: what was decided while something changed makes no connect ordinary
test('a verdict is not remembered if something changed while it was made', () => {
  const { around, find, remembered, plugin } = scene();
  const address = addressOf('192.0.2.7');
  find(address.text);
  around.host = { ...around.host };
  remembered.note(address, 4, allowed(plugin.policy, address));
  assert.equal(find(address.text), undefined);
});

// proves: an ordinary connect under a name ends with the grant
test('under a name, a verdict holds as long as the grant', () => {
  const { grants, find, decide, wait } = scene();
  grants.add(addressOf('192.0.2.7'), 'example.com', 90);
  grants.add(addressOf('192.0.2.7'), 'example.org', 100);
  decide('192.0.2.7', { names: ['example.org', 'example.com'] });
  wait(89_999);
  assert.equal(find('192.0.2.7'), '192.0.2.7');
  wait(1);
  assert.equal(find('192.0.2.7'), undefined);
});

// proves: an approval makes no connect ordinary
// proves: a connect with a proxy, a source address or a mark is not ordinary
// proves: a connect whose bytes are limited is not ordinary
test('only what a rule allows, and what the kernel alone brings to its destination, is remembered', () => {
  const address = addressOf('192.0.2.7');
  const decided = (special: object): Partial<Judgement> => ({
    decision: { ...allowed(policyOf(), address).decision, ...special },
  });
  const judgements: readonly Partial<Judgement>[] = [
    decided({ reason: 'approved' }),
    decided({ decision: 'would_deny', reason: 'no_rule' }),
    decided({ dial: [addressOf('192.0.2.8')] }),
    decided({ dial: [] }),
    { dnsMs: 1 },
    { policy: policyOf() },
  ];
  for (const special of judgements) {
    const { find, decide } = scene();
    decide('192.0.2.7', special);
    assert.equal(find('192.0.2.7'), undefined, JSON.stringify(special));
  }
  const proxy = { kind: 'http', host: '192.0.2.1', port: 3128, resolve: 'here' } as never;
  for (const upstream of [{ proxy }, { sources: { 4: address } }, { mark: 1 }]) {
    const { plugin, find, decide } = scene();
    plugin.upstream = upstream;
    decide('192.0.2.7');
    assert.equal(find('192.0.2.7'), undefined, JSON.stringify(upstream));
  }
  for (const limits of [{ sent_mib: 1 }, { received_mib: 1 }, { bytes_per_second: 1_000_000 }]) {
    const { plugin, find, decide } = scene();
    plugin.limits = limitsOf(limits);
    decide('192.0.2.7');
    assert.equal(find('192.0.2.7'), undefined, JSON.stringify(limits));
  }
  // An IPv6 socket dials an IPv4 address in another form.
  const { find, decide } = scene();
  decide('192.0.2.7', {}, 6);
  assert.equal(find('192.0.2.7'), undefined);
});

test('a connect without room in any limit leaves before anything was done for it', () => {
  const rooms = {
    slow: { stall: { slow: true } },
    queue: { queue: { isFree: false } },
    descriptors: { descriptors: { hasRoom: () => false } },
    connections: { connections: { hasRoom: false } },
    register: { connections: undefined },
    slots: { connections: { hasRoom: true, claim: () => ({ granted: false }) } },
    verdict: {},
  };
  for (const [what, special] of Object.entries(rooms)) {
    const plugin = {
      ...{ stall: { slow: false }, queue: { isFree: true }, descriptors: { hasRoom: () => true } },
      ...special,
    };
    const remembered = { find: () => (what === 'verdict' ? undefined : {}) };
    // Whatever else it touches is missing.
    const context = { plugin, remembered } as unknown as TrapContext;
    const socket = {} as unknown as TrappedSocket;
    assert.equal(
      connectOrdinary(context, {} as unknown as TrappedCall, socket, new Uint8Array(16)),
      undefined,
      what,
    );
  }
});
