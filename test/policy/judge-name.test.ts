import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, judgeRequest } from '../../shared/policy/decide.js';
import { type HostContext, OwnAddresses } from '../../shared/policy/host-block.js';
import { judgeName, keepAddresses } from '../../shared/policy/judge-name.js';
import type { Mode } from '../../shared/words.js';
import { chance } from '../fuzz/hostile-frame.js';
import { addressOf, ELSEWHERE, policyOf } from './rules.js';

/** Decision, reason and rule. */
function judge(name: string, allow: readonly string[], deny: readonly string[] = [], mode?: Mode): string {
  const verdict = judgeName(policyOf(allow, deny, mode), name, ELSEWHERE);
  return [verdict.decision, verdict.reason, verdict.rule].filter(Boolean).join(' ');
}

test('a name is open where a rule covers it on any port, and closed where none does', () => {
  assert.equal(judge('a.test', ['a.test:8443']), 'allow rule a.test:8443');
  assert.equal(judge('b.test', ['a.test:8443']), 'deny no_rule');
  assert.equal(judge('x.a.test', ['*.a.test']), 'allow rule *.a.test');
  assert.equal(judge('a.test', ['*.a.test']), 'deny no_rule');
  assert.equal(judge('a.test', ['**.a.test']), 'allow rule **.a.test');
  assert.equal(judge('a.test', ['*']), 'allow rule *');
  assert.equal(judge('single', ['*']), 'deny no_rule');
  assert.equal(judge('a.test', ['0.0.0.0/0:*', '@public:*']), 'deny no_rule');
  assert.equal(judge('a.test', []), 'deny no_rule');
});

test('a deny rule closes a name where it leaves no allowed port, and opens none', () => {
  assert.equal(judge('a.test', ['a.test'], ['a.test']), 'deny denied_by_rule a.test');
  assert.equal(judge('a.test', ['a.test'], ['*.test']), 'deny denied_by_rule *.test');
  assert.equal(judge('a.test', ['a.test'], ['*']), 'deny denied_by_rule *');
  assert.equal(judge('a.test', ['a.test:443'], ['a.test:443']), 'deny denied_by_rule a.test:443');
  assert.equal(judge('a.test', ['a.test:443'], ['a.test:1-442,444-65535']), 'allow rule a.test:443');
  assert.equal(judge('a.test', ['a.test:80,443'], ['a.test:80']), 'allow rule a.test:80,443');
  assert.equal(judge('a.test', ['b.test'], ['a.test']), 'deny denied_by_rule a.test');
  assert.equal(judge('a.test', ['b.test'], ['a.test:22']), 'deny no_rule');
});

test('audit mode opens what no rule allows, not what one denies', () => {
  assert.equal(judge('a.test', [], [], 'audit'), 'would_deny no_rule');
  assert.equal(judge('a.test', ['a.test'], [], 'audit'), 'allow rule a.test');
  assert.equal(judge('a.test', [], ['a.test'], 'audit'), 'deny denied_by_rule a.test');
  assert.equal(judge('a.test', [], ['a.test:22'], 'audit'), 'would_deny no_rule');
  assert.equal(judge('a.test', ['a.test'], ['a.test:443'], 'audit'), 'would_deny port_not_allowed');
});

function keep(
  allow: readonly string[],
  texts: readonly string[],
  deny: readonly string[] = [],
  context: HostContext = ELSEWHERE,
): string[] {
  const policy = policyOf(allow, deny);
  const verdict = judgeName(policy, 'a.test', context);
  assert.ok(verdict.decision !== 'deny');
  return keepAddresses(policy, verdict, texts.map(addressOf), context).kept.map(({ text }) => text);
}

test('public addresses are kept in their order, special ones where a rule opens them on a port of the name', () => {
  assert.deepEqual(keep(['a.test'], ['192.31.196.2', '192.31.196.1']), ['192.31.196.2', '192.31.196.1']);
  assert.deepEqual(keep(['a.test'], ['10.1.2.3', '192.31.196.1', '169.254.169.254', '::1']), [
    '192.31.196.1',
  ]);
  assert.deepEqual(keep(['a.test', '10.1.2.3:443'], ['10.1.2.3', '10.1.2.4']), ['10.1.2.3']);
  assert.deepEqual(keep(['a.test', '10.1.2.3:5432'], ['10.1.2.3']), [], 'another port');
  assert.deepEqual(keep(['a.test:1-6000', '10.1.2.3:5432'], ['10.1.2.3']), ['10.1.2.3']);
  assert.deepEqual(keep(['a.test:1-6000', '@private:5432'], ['10.1.2.3']), ['10.1.2.3']);
  assert.deepEqual(keep(['a.test:*', '0.0.0.0/0:*'], ['10.1.2.3']), []);
});

test('an address that is denied on every port of the name is dropped, and kept where one is left', () => {
  assert.deepEqual(keep(['a.test'], ['192.31.196.1', '192.31.196.2'], ['192.31.196.1']), ['192.31.196.2']);
  assert.deepEqual(keep(['a.test:80,443'], ['192.31.196.1'], ['192.31.196.1:80']), ['192.31.196.1']);
  assert.deepEqual(keep(['a.test:80-443'], ['192.31.196.1'], ['@public:80-442']), ['192.31.196.1']);
  assert.deepEqual(keep(['a.test:80-443'], ['192.31.196.1'], ['@public:80-443']), []);
  const translated = ['a.test:80-443', '[64:ff9b::/96]:80-443'];
  assert.deepEqual(keep(translated, ['64:ff9b::c01f:c401'], ['192.31.196.1:80']), ['64:ff9b::c01f:c401']);
  assert.deepEqual(keep(translated, ['64:ff9b::c01f:c401'], ['192.31.196.1']), []);
});

test("this host's addresses and postern's listeners are dropped, a listener on its port alone", () => {
  const own = addressOf('192.31.196.9');
  const context = {
    own: OwnAddresses.of(own),
    listeners: [{ address: addressOf('192.31.196.7'), port: 443 }],
  };
  assert.deepEqual(keep(['a.test:*'], ['192.31.196.9'], [], context), []);
  assert.deepEqual(keep(['a.test:443'], ['192.31.196.7'], [], context), []);
  assert.deepEqual(keep(['a.test:443-444'], ['192.31.196.7'], [], context), ['192.31.196.7']);
});

test('if none is kept, the refusal says why; otherwise it lists what was dropped', () => {
  const policy = policyOf(['a.test'], ['192.31.196.1']);
  const verdict = judgeName(policy, 'a.test', ELSEWHERE);
  assert.ok(verdict.decision !== 'deny');
  const all = keepAddresses(policy, verdict, [addressOf('10.1.2.3')], ELSEWHERE);
  assert.equal(all.refusal?.reason, 'address_special');
  assert.equal(all.dropped[0]?.class, 'private');
  const some = keepAddresses(
    policy,
    verdict,
    [addressOf('192.31.196.1'), addressOf('192.31.196.2')],
    ELSEWHERE,
  );
  assert.equal(some.refusal, undefined);
  assert.deepEqual(
    some.dropped.map(({ address: { text }, reason }) => [text, reason]),
    [['192.31.196.1', 'address_denied']],
  );
});

// proves: special addresses are answered in mode audit alone
test('in mode audit, special addresses are kept where the name has no other one; none that a rule denies, and none of the sandbox', () => {
  const shown = (mode: 'audit' | 'enforce', addresses: readonly string[], deny: readonly string[] = []) => {
    const policy = policyOf(['a.test'], deny, mode);
    const verdict = judgeName(policy, 'a.test', ELSEWHERE);
    assert.ok(verdict.decision !== 'deny');
    const { kept, refusal } = keepAddresses(policy, verdict, addresses.map(addressOf), ELSEWHERE);
    assert.equal(refusal === undefined, kept.length > 0);
    return kept.map(({ text }) => text);
  };
  assert.deepEqual(shown('audit', ['10.1.2.3', '169.254.169.254']), ['10.1.2.3', '169.254.169.254']);
  assert.deepEqual(shown('enforce', ['10.1.2.3', '169.254.169.254']), []);
  assert.deepEqual(shown('audit', ['10.1.2.3', '192.31.196.1']), ['192.31.196.1']);
  assert.deepEqual(shown('audit', ['10.1.2.3', '127.0.0.1']), ['10.1.2.3']);
  assert.deepEqual(shown('audit', ['127.0.0.1', '::1']), []);
  assert.deepEqual(shown('audit', ['10.1.2.3', '10.1.2.4'], ['10.1.2.4']), []);
});

/** A few ports at the edges of the ranges, so that each can be tried. */
const PORTS = ['', ':*', ':1', ':2-4', ':3', ':4-6', ':1-3,5', ':65535', ':6-65535'];
const TRIED = [1, 2, 3, 4, 5, 6, 7, 443, 65_534, 65_535];
const TARGETS = ['a.test', 'x.a.test', '*.a.test', '**.a.test', '*', 'localhost', 'x.localhost', 'single'];
const PLACES = [
  '10.0.0.0/8',
  '10.1.2.3',
  '@private',
  '@public',
  '@loopback',
  '127.0.0.1',
  '192.31.196.1',
  '[64:ff9b::/96]',
  '[64:ff9b::a01:203]',
  '0.0.0.0/0',
];
const NAMES = ['a.test', 'x.a.test', 'b.test', 'localhost', 'x.localhost', 'single'];
const ADDRESSES = [
  '10.1.2.3',
  '10.9.9.9',
  '127.0.0.1',
  '192.31.196.1',
  '64:ff9b::a01:203',
  '64:ff9b::c01f:c401',
  '192.31.196.7',
  '192.31.196.9',
].map(addressOf);
const CONTEXT: HostContext = {
  own: OwnAddresses.of(addressOf('192.31.196.9')),
  listeners: [
    { address: addressOf('192.31.196.7'), port: 3 },
    { address: addressOf('127.0.0.1'), port: 5 },
  ],
};

test('a name is open, and an address kept, exactly if a connect is allowed on some port', () => {
  const pick = chance(7);
  const one = (texts: readonly string[]): string => texts[pick(texts.length)] ?? '';
  const rules = (most: number): string[] =>
    Array.from({ length: pick(most + 1) }, () => one(pick(2) === 0 ? TARGETS : PLACES) + one(PORTS));
  const seen = { open: 0, closed: 0, kept: 0, dropped: 0 };
  for (let round = 0; round < 4000; round += 1) {
    const mode = pick(4) === 0 ? 'audit' : 'enforce';
    const policy = policyOf(rules(5), rules(3), mode);
    const name = one(NAMES);
    const verdict = judgeName(policy, name, CONTEXT);
    const why = JSON.stringify({ round, name, mode, verdict });
    const open = TRIED.some((port) => judgeRequest(policy, { host: name, port }, CONTEXT).kind === 'resolve');
    assert.equal(verdict.decision !== 'deny', open, why);
    seen[open ? 'open' : 'closed'] += 1;
    if (verdict.decision === 'deny') continue;
    const { kept, dropped } = keepAddresses(policy, verdict, ADDRESSES, CONTEXT);
    const dialled = ADDRESSES.filter((candidate) =>
      TRIED.some((port) => decide(policy, { host: name, port }, [candidate], CONTEXT).dial.length > 0),
    );
    // In mode audit, special addresses are answered where the name has no other.
    const isShown = mode === 'audit' && dialled.length === 0 && kept.length > 0;
    const special = ADDRESSES.filter(({ text }) => text !== '127.0.0.1');
    assert.deepEqual(
      kept.map(({ text }) => text),
      (isShown ? special : dialled).map(({ text }) => text),
      why,
    );
    assert.equal(kept.length + dropped.length, ADDRESSES.length, why);
    seen.kept += kept.length;
    seen.dropped += dropped.length;
  }
  for (const count of Object.values(seen)) assert.ok(count > 500, JSON.stringify(seen));
});
