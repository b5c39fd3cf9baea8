import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePolicy } from '../../shared/policy/compile-policy.js';
import { type Decision, decide, type HostContext } from '../../shared/policy/decide.js';
import { formatPrefix, prefixOf } from '../../shared/policy/prefix.js';
import { evaluate, type NaiveCase, type NaiveRule } from './naive-evaluator.js';
import { addressOf, inShort, policyOf } from './rules.js';

// Few names and addresses, so that rules and requests meet.
const NAMES = [
  'example.com',
  'a.example.com',
  'b.a.example.com',
  'example.org',
  'db',
  'aexample.com',
  'corp.internal',
];
const LOCAL = ['localhost', 'a.localhost'];
const WILD = ['example.com', 'a.example.com', 'example.org', 'internal', 'localhost', 'b.a.example.com'];
const FOUR = [
  '8.8.8.8',
  '8.8.9.9',
  '9.9.9.9',
  '10.1.2.3',
  '10.0.0.5',
  '127.0.0.1',
  '169.254.169.254',
  '169.254.1.1',
];
const ODD_FOUR = ['100.100.100.200', '100.64.0.5', '168.63.129.16', '192.0.0.9', '192.0.0.11', '203.0.113.1'];
const SIX = [
  '2606:4700::1111',
  '2606:4700::5',
  'fd00::1',
  'fd00:ec2::254',
  '::1',
  'fe80::1',
  '2001:db8::1',
  '4000::1',
];
const FORMS = ['64:ff9b::808:808', '64:ff9b::a01:203', '2002:a9fe:a9fe::1', '2002:808:808::1'];
const ADDRESSES = [...FOUR, ...ODD_FOUR, ...SIX, ...FORMS];
const PORTS = [22, 80, 443, 8080, 9464];

const address = fc.constantFrom(...ADDRESSES);
const port = fc.constantFrom(...PORTS);
const range = fc.tuple(port, port).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const ports = fc.oneof(
  { weight: 2, arbitrary: fc.constant([[443, 443]] as const) },
  { weight: 2, arbitrary: port.map((only) => [[only, only]] as const) },
  { weight: 1, arbitrary: fc.array(range, { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.constant([[1, 65_535]] as const) },
);
const prefix = fc
  .tuple(address, fc.constantFrom(0, 1, 7, 8, 10, 12, 16, 24, 31, 32, 32))
  .map(([text, quarter]) => prefixOf(addressOf(text), text.includes(':') ? quarter * 4 : quarter))
  .map((made) => formatPrefix(made).replace(/[[\]]/g, ''));
const target = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NAMES, ...LOCAL) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...WILD).chain((name) => fc.constantFrom(`*.${name}`, `**.${name}`)),
  },
  { weight: 5, arbitrary: prefix },
  { weight: 2, arbitrary: fc.constantFrom('@public', '@private', '@loopback', '@linklocal', '@metadata') },
  { weight: 1, arbitrary: fc.constant('*') },
);
const rule: fc.Arbitrary<NaiveRule> = fc.record({ target, ports });
const naiveCase: fc.Arbitrary<NaiveCase> = fc.record({
  allow: fc.array(rule, { maxLength: 8 }),
  deny: fc.array(rule, { maxLength: 3 }),
  mode: fc.constantFrom('enforce', 'audit'),
  host: fc.oneof(fc.constantFrom(...NAMES, ...LOCAL), address),
  port,
  resolved: fc.array(address, { maxLength: 4 }),
  own: fc.constantFrom([], ['10.0.0.5', '9.9.9.9', '2606:4700::5', '127.0.0.1', '::1']),
  listeners: fc.constantFrom(
    [],
    [
      { address: '127.0.0.1', port: 9464 },
      { address: '0.0.0.0', port: 8080 },
    ],
  ),
});

/** A rule as it is written. */
function write({ target: text, ports: ranges }: NaiveRule): string {
  const subject = text.includes(':') ? `[${text}]` : text;
  return `${subject}:${ranges.map(([low, high]) => (low === high ? low : `${low}-${high}`)).join(',')}`;
}

function contextOf({ own, listeners }: NaiveCase): HostContext {
  return {
    own: own.map(addressOf),
    listeners: listeners.map((listener) => ({ address: addressOf(listener.address), port: listener.port })),
  };
}

/** The case decided, with rules that are written already if any are given. */
function make(asked: NaiveCase, more: readonly string[] = []): Decision {
  const policy = policyOf([...asked.allow.map(write), ...more], asked.deny.map(write), asked.mode);
  return decide(policy, asked, asked.resolved.map(addressOf), contextOf(asked));
}

function dialled(decision: Decision): Set<string> {
  return new Set(decision.dial.map(({ text }) => text));
}

function check<T>(property: fc.IProperty<T>, numRuns: number): void {
  fc.assert(property, { numRuns });
}

test('decision, reason and dialled addresses are those of a second, naive evaluator', () => {
  check(
    fc.property(naiveCase, (asked) => {
      assert.equal(inShort(make(asked)), evaluate(asked));
    }),
    6000,
  );
});

test('a deny rule more never opens anything', () => {
  check(
    fc.property(naiveCase, rule, (asked, added) => {
      const before = make(asked);
      const after = make({ ...asked, deny: [...asked.deny, added] });
      assert.ok(subset(dialled(after), dialled(before)));
      if (before.decision !== 'allow') assert.notEqual(after.decision, 'allow');
    }),
    2000,
  );
});

test('an allow rule more never closes anything', () => {
  check(
    fc.property(naiveCase, rule, (asked, added) => {
      const before = make(asked);
      const after = make({ ...asked, allow: [...asked.allow, added] });
      assert.ok(subset(dialled(before), dialled(after)));
      if (before.decision === 'allow') assert.equal(after.decision, 'allow');
    }),
    2000,
  );
});

test('the order of the rules changes nothing, the rule that is reported included', () => {
  const shuffled = naiveCase.chain((asked) => {
    const some = { minLength: asked.allow.length, maxLength: asked.allow.length };
    return fc.tuple(fc.constant(asked), fc.shuffledSubarray([...asked.allow], some));
  });
  check(
    fc.property(shuffled, ([asked, allow]) => {
      const turned = { ...asked, allow, deny: asked.deny.toReversed() };
      assert.deepEqual(make(turned), make(asked));
    }),
    2000,
  );
});

test('what is suggested, added step by step, ends in allow, or where no allow rule can help', () => {
  check(
    fc.property(naiveCase, (asked) => {
      const added: string[] = [];
      let decision = make(asked);
      while (decision.suggestion !== undefined) {
        assert.ok(added.length < 3, added.join(' '));
        added.push(decision.suggestion);
        const next = make(asked, added);
        assert.ok(subset(dialled(decision), dialled(next)));
        decision = next;
      }
      const helpless = decision.reason === 'denied_by_rule' || decision.reason === 'address_denied';
      const astray = decision.reason === 'address_special' && asked.host.endsWith('localhost');
      assert.ok(decision.decision === 'allow' || helpless || astray || decision.reason === 'dns_error');
    }),
    2000,
  );
});

test('what is suggested for a literal, or for a name with a public address that no rule denies, opens it at once', () => {
  const names = fc.constantFrom(...NAMES);
  const plain = fc.oneof(address, names).map((host) => ({ host, resolved: ['1.1.1.1'] }));
  check(
    fc.property(naiveCase, plain, (asked, { host, resolved }) => {
      const here = { ...asked, host, resolved };
      const { suggestion, decision } = make(here);
      if (suggestion === undefined) return;
      assert.notEqual(decision, 'allow');
      const after = make(here, [suggestion]);
      // A name's addresses are not looked at before it is allowed, so their denial shows only now.
      if (after.reason !== 'address_denied') assert.equal(after.decision, 'allow', suggestion);
    }),
    2000,
  );
});

test('what is suggested opens nothing on another port, and for another name or address at most what was named', () => {
  check(
    fc.property(naiveCase, naiveCase, (asked, other) => {
      const { suggestion } = make(asked);
      if (suggestion === undefined) return;
      const named = suggestion.replace(/:\d+$/, '').replace(/[[\]]/g, '');
      const elsewhere = { ...asked, host: other.host, port: other.port, resolved: other.resolved };
      if (other.port === asked.port && [other.host, ...other.resolved].includes(named)) return;
      const after = make(elsewhere, [suggestion]);
      const before = make(elsewhere);
      assert.deepEqual([after.decision, dialled(after)], [before.decision, dialled(before)]);
    }),
    2000,
  );
});

test('no request makes a decision throw, and none that is odd is let through', () => {
  const odd = fc.oneof(
    fc.anything(),
    fc.record({ host: fc.anything(), port: fc.anything() }),
    fc.record({
      host: fc.string({ unit: 'binary', maxLength: 300 }),
      port: fc.oneof(fc.integer(), fc.double()),
    }),
  );
  const policy = policyOf(['*:*', '0.0.0.0/0:*', '[::/0]:*']);
  check(
    fc.property(odd, fc.array(address, { maxLength: 2 }), (request, resolved) => {
      const decision = decide(policy, request as never, resolved.map(addressOf), { own: [], listeners: [] });
      assert.ok(decision.host.length <= 256);
      assert.ok(Number.isFinite(decision.port));
      assert.match(decision.message, /^[ -~…]+$/);
      const { port: asked } = (request ?? {}) as { port?: unknown };
      const whole = Number.isInteger(asked) && Number(asked) >= 1 && Number(asked) <= 65_535;
      if (!whole) assert.match(decision.reason, /^(?:malformed_host|invalid_port)$/);
    }),
    3000,
  );
});

test('hosts and ports that are odd get the reason for it', () => {
  const policy = policyOf(['*:*', '0.0.0.0/0:*']);
  const reason = (host: unknown, asked: unknown): string =>
    decide(policy, { host, port: asked } as never, [addressOf('1.1.1.1')], { own: [], listeners: [] }).reason;
  for (const bad of [Number.NaN, 0, -1, 65_536, 1.5, Infinity, '443', null, undefined, {}, 443n, [443]]) {
    assert.equal(reason('example.com', bad), 'invalid_port', String(bad));
  }
  for (const bad of [
    '',
    'a'.repeat(1_000_000),
    `${'a.'.repeat(500_000)}a`,
    5,
    null,
    undefined,
    {},
    ['example.com'],
  ]) {
    assert.equal(reason(bad, 443), 'malformed_host');
  }
  const huge = decide(policy, { host: 'a'.repeat(1_000_000), port: 443 }, [], { own: [], listeners: [] });
  assert.equal(huge.host.length, 256);
  assert.ok(huge.message.length < 500);
  assert.equal(reason('example.com', 65_535), 'rule');
  assert.equal(reason('8.8.8.8', 1), 'rule');
});

test('no rules, however odd, make compiling throw', () => {
  const rules = fc.array(fc.oneof(fc.string({ unit: 'binary' }), rule.map(write), fc.anything()), {
    maxLength: 5,
  });
  check(
    fc.property(rules, rules, (allow, deny) => {
      const compiled = compilePolicy({ allow: allow as string[], deny: deny as string[] });
      if (!compiled.ok) assert.ok(compiled.problems.length > 0);
    }),
    1000,
  );
});

function subset(inner: ReadonlySet<string>, outer: ReadonlySet<string>): boolean {
  return [...inner].every((text) => outer.has(text));
}
