import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePolicy } from '../../shared/policy/compile-policy.js';
import { decide, judgeRequest } from '../../shared/policy/decide.js';
import type { Decision } from '../../shared/policy/decision.js';
import { OwnAddresses } from '../../shared/policy/host-block.js';
import {
  ADDRESSES,
  CLASSES,
  contextOf,
  decideCase,
  LISTENERS,
  LOCAL,
  NAMES,
  OWN,
  PORTS,
  prefixText,
  WILD,
  writeRule,
} from './naive-cases.js';
import { evaluate, type NaiveCase, type NaiveRule } from './naive-evaluator.js';
import { addressOf, inShort, policyOf } from './rules.js';

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
  .map(([text, quarter]) => prefixText(text, text.includes(':') ? quarter * 4 : quarter));
const target = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NAMES, ...LOCAL) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...WILD).chain((name) => fc.constantFrom(`*.${name}`, `**.${name}`)),
  },
  { weight: 5, arbitrary: prefix },
  { weight: 2, arbitrary: fc.constantFrom(...CLASSES) },
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
  own: fc.constantFrom([], OWN),
  listeners: fc.constantFrom([], LISTENERS),
});

function dialled(decision: Decision): Set<string> {
  return new Set(decision.dial.map(({ text }) => text));
}

function check<T>(property: fc.IProperty<T>, numRuns: number): void {
  fc.assert(property, { numRuns });
}

test('decision, reason and dialled addresses are those of a second, naive evaluator', () => {
  check(
    fc.property(naiveCase, (asked) => {
      assert.equal(inShort(decideCase(asked)), evaluate(asked));
    }),
    6000,
  );
});

test('another deny rule never opens anything', () => {
  check(
    fc.property(naiveCase, rule, (asked, added) => {
      const before = decideCase(asked);
      const after = decideCase({ ...asked, deny: [...asked.deny, added] });
      assert.ok(subset(dialled(after), dialled(before)));
      if (before.decision !== 'allow') assert.notEqual(after.decision, 'allow');
    }),
    2000,
  );
});

test('another allow rule never closes anything', () => {
  check(
    fc.property(naiveCase, rule, (asked, added) => {
      const before = decideCase(asked);
      const after = decideCase({ ...asked, allow: [...asked.allow, added] });
      assert.ok(subset(dialled(before), dialled(after)));
      if (before.decision === 'allow') assert.equal(after.decision, 'allow');
    }),
    2000,
  );
});

test('the order of the rules changes nothing, not even the rule that is reported', () => {
  const shuffled = (rules: readonly NaiveRule[]): fc.Arbitrary<NaiveRule[]> =>
    fc.shuffledSubarray([...rules], { minLength: rules.length, maxLength: rules.length });
  const turned = naiveCase.chain((asked) =>
    fc.tuple(fc.constant(asked), shuffled(asked.allow), shuffled(asked.deny)),
  );
  check(
    fc.property(turned, ([asked, allow, deny]) => {
      assert.deepEqual(decideCase({ ...asked, allow, deny }), decideCase(asked));
    }),
    2000,
  );
});

test('a repeated rule changes nothing', () => {
  check(
    fc.property(naiveCase, (asked) => {
      const twice = {
        ...asked,
        allow: [...asked.allow, ...asked.allow],
        deny: [...asked.deny, ...asked.deny],
      };
      assert.deepEqual(decideCase(twice), decideCase(asked));
    }),
    1000,
  );
});

test('how a host is written changes nothing: letters of either case, a final dot, brackets, IPv4 in the form of IPv6', () => {
  check(
    fc.property(naiveCase, fc.boolean(), (asked, final) => {
      const { host, resolved } = asked;
      const quad = /^[\d.]+$/.test(host);
      const name = `${host.toUpperCase()}${final ? '.' : ''}`;
      const written = quad ? `::ffff:${host}` : host.includes(':') ? `[${host.toUpperCase()}]` : name;
      const mapped = resolved.map((text) => (text.includes(':') ? text : `::FFFF:${text}`));
      assert.deepEqual(decideCase({ ...asked, host: written, resolved: mapped }), decideCase(asked));
    }),
    2000,
  );
});

test('a name reaches a resolver only where the naive evaluator lets it through with a public address that no rule denies', () => {
  check(
    fc.property(naiveCase, fc.constantFrom(...NAMES), (asked, host) => {
      const policy = policyOf(asked.allow.map(writeRule), asked.deny.map(writeRule), asked.mode);
      const { kind } = judgeRequest(policy, { host, port: asked.port }, contextOf(asked));
      const names = asked.deny.filter(({ target: text }) => text === '*' || /^[*a-z]/.test(text));
      const open = evaluate({ ...asked, deny: names, host, resolved: ['1.1.1.1'] });
      assert.equal(kind, open.startsWith('deny') ? 'settled' : 'resolve');
    }),
    2000,
  );
});

test('what is suggested, added step by step, ends in allow, or where no allow rule can help', () => {
  check(
    fc.property(naiveCase, (asked) => {
      const added: string[] = [];
      let decision = decideCase(asked);
      while (decision.suggestion !== undefined) {
        assert.ok(added.length < 3, added.join(' '));
        added.push(decision.suggestion);
        const next = decideCase(asked, added);
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
      const { suggestion, decision } = decideCase(here);
      if (suggestion === undefined) return;
      assert.notEqual(decision, 'allow');
      const after = decideCase(here, [suggestion]);
      // The addresses of a name are not judged before the name is allowed, so their denial shows only now.
      if (after.reason !== 'address_denied') assert.equal(after.decision, 'allow', suggestion);
    }),
    2000,
  );
});

test('what is suggested opens nothing on another port, and for another name or address at most what was named', () => {
  check(
    fc.property(naiveCase, naiveCase, (asked, other) => {
      const { suggestion } = decideCase(asked);
      if (suggestion === undefined) return;
      const named = suggestion.replace(/:\d+$/, '').replace(/[[\]]/g, '');
      const elsewhere = { ...asked, host: other.host, port: other.port, resolved: other.resolved };
      if (other.port === asked.port && [other.host, ...other.resolved].includes(named)) return;
      const after = decideCase(elsewhere, [suggestion]);
      const before = decideCase(elsewhere);
      assert.deepEqual([after.decision, dialled(after)], [before.decision, dialled(before)]);
    }),
    2000,
  );
});

test('no request makes a decision throw, and no odd one is allowed', () => {
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
      const decision = decide(policy, request as never, resolved.map(addressOf), {
        own: OwnAddresses.of(),
        listeners: [],
      });
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
    decide(policy, { host, port: asked } as never, [addressOf('1.1.1.1')], {
      own: OwnAddresses.of(),
      listeners: [],
    }).reason;
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
  const huge = decide(policy, { host: 'a'.repeat(1_000_000), port: 443 }, [], {
    own: OwnAddresses.of(),
    listeners: [],
  });
  assert.equal(huge.host.length, 256);
  assert.ok(huge.message.length < 500);
  assert.equal(reason('example.com', 65_535), 'rule');
  assert.equal(reason('8.8.8.8', 1), 'rule');
});

test('no rules, however odd, make compiling throw', () => {
  const rules = fc.array(fc.oneof(fc.string({ unit: 'binary' }), rule.map(writeRule), fc.anything()), {
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
