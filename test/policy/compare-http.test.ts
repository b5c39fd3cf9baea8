import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { httpOpenings } from '../../shared/policy/compare-http.js';
import {
  decideHttp,
  type HttpRequest,
  type HttpRules,
  readHttpRule,
} from '../../shared/policy/http-rules.js';

function rules(allow: readonly string[], deny: readonly string[] = []): HttpRules {
  const read = (text: string): HttpRules['allow'] => {
    const one = readHttpRule(text);
    assert.ok(one.ok, text);
    return [one.rule];
  };
  return { allow: allow.flatMap(read), deny: deny.flatMap(read) };
}

const told = (inner: HttpRules, outer: HttpRules): readonly string[] =>
  httpOpenings(inner, outer).openings.map(({ methods, target }) => `${methods.join()} ${target}`);

test('what the one opens and the other does not is told by an example for each pair of rules', () => {
  assert.deepEqual(told(rules(['GET /repos/**']), rules(['GET,HEAD /repos/**'])), []);
  assert.deepEqual(told(rules(['GET,HEAD /repos/**']), rules(['GET /repos/**'])), ['HEAD /repos']);
  assert.deepEqual(told(rules(['GET /repos/**']), rules(['GET /repos/*/*'])), ['GET /repos']);
  assert.deepEqual(told(rules(['* /a']), rules(['GET,POST /a'])), ['* /a']);
  assert.deepEqual(told(rules(['GET /a/*']), rules(['GET /a/**'], ['* /a/b'])), ['GET /a/b']);
  assert.deepEqual(told(rules(['GET /a/**'], ['* /a/b/**']), rules(['GET /a/**'], ['* /a/b/c'])), []);
  assert.deepEqual(told(rules([]), rules(['GET /**'])), ['* /', 'GET /%']);
});

test('a parameter that a rule names counts', () => {
  assert.deepEqual(told(rules(['GET /s?type=code']), rules(['GET /s?type=*'])), []);
  assert.deepEqual(told(rules(['GET /s?type=*']), rules(['GET /s?type=code'])), ['GET /s?type=x']);
  assert.deepEqual(told(rules(['GET /s']), rules(['GET /s?type=code'])), ['GET /s']);
  assert.deepEqual(told(rules(['GET /s']), rules(['GET /s'], ['GET /s?all=1'])), ['GET /s?all=1']);
  assert.deepEqual(told(rules(['GET /s'], ['* /s?all=*']), rules(['GET /s'], ['GET /s?all=1'])), []);
});

test('a deny rule for a parameter covers each spelling of it, and the example has the one that is allowed', () => {
  const inner = rules(['GET /s?type=Code']);
  assert.deepEqual(told(inner, rules(['GET /s?type=*'], ['* /s?TYPE=code&all=1'])), [
    'GET /s?type=Code&all=1',
  ]);
  assert.deepEqual(told(inner, rules(['GET /s?type=*'], ['* /s?Type=other'])), []);
});

test('patterns that together cover another one cover it, unless one must cover every reading of a path', () => {
  assert.deepEqual(told(rules(['GET /a/**']), rules(['GET /a', 'GET /a/*/**'])), []);
  // An encoded slash makes one segment or two, and no rule covers both.
  const lengths = rules(['GET /a', 'GET /a/*', 'GET /a/*/*/**']);
  assert.deepEqual(told(rules(['GET /a/**']), lengths), ['GET /a/x%2Fx']);
  // Some servers read /a/b;x as /a/b.
  assert.deepEqual(told(rules(['GET /a/*']), rules(['GET /a/*'], ['* /a/b;v=1'])), ['GET /a/b;v=1']);
  assert.deepEqual(told(rules(['GET /a/*'], ['* /a/b']), rules(['GET /a/*'], ['* /a/b;v=1'])), []);
  // A deny rule ignores the case of letters.
  assert.deepEqual(told(rules(['GET /*'], ['* /b']), rules(['GET /*'], ['* /B'])), []);
  assert.deepEqual(told(rules(['GET /*']), rules(['GET /b', 'GET /*'], ['* /b'])), ['GET /b']);
});

test('few beginnings of paths are looked at where a number is given', () => {
  const [inner, outer] = [rules(['GET /a/b/c/d']), rules(['GET /b'])];
  assert.deepEqual(httpOpenings(inner, outer, 2), { openings: [], isWhole: false });
  const { openings, isWhole } = httpOpenings(inner, outer);
  assert.deepEqual([openings.length, isWhole], [1, true]);
});

// Near each other: few words, so that rules meet.
const word = fc.constantFrom('a', 'b', 'A', 'a%2Fb', 'b%2Fa%2Fb', 'a;v=1', 'B;V=1', '%2A');
const methods = fc.constantFrom('GET', 'POST', 'GET,POST', '*', 'HEAD');
const query = fc.constantFrom('', '', '', '?q=1', '?q=*', '?q=1&r=2', '?r=*', '?q=A', '?Q=a&r=2', '?q[]=a');
const rule = fc
  .tuple(methods, fc.array(fc.oneof(word, word, fc.constantFrom('*', '**')), { maxLength: 4 }), query)
  .map(([method, segments, parameters]) => `${method} /${segments.join('/')}${parameters}`)
  .filter((text) => readHttpRule(text).ok);
const ruleSet = fc
  .tuple(fc.array(rule, { maxLength: 4 }), fc.array(rule, { maxLength: 2 }))
  .map(([allow, deny]) => rules(allow, deny));
const piece = fc.oneof(
  word,
  fc.constantFrom('x', 'b;x', 'a;x', 'X', 'b', 'a%2Fa%2Fa', 'x%2Fb;v=1', 'a;v=1%2Fb', 'a%252F'),
);
const request: fc.Arbitrary<HttpRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT'),
  target: fc
    .tuple(
      fc.array(piece, { maxLength: 5 }),
      fc.constantFrom(
        '',
        '',
        '?q=1',
        '?q=2',
        '?r=2&q=1',
        '?q=1&q=3',
        '?r=1;q=1',
        '?q=1;r=2',
        '?q=A&r=2',
        '?q=A',
        '?Q=A',
        '?q[]=A&r=2',
        '?q=1&Q=1',
      ),
    )
    .map(([segments, parameters]) => `/${segments.join('/')}${parameters}`),
});

const runs = 80;
/** A few pairs in a hundred have more kinds of paths: their answer is not asked. */
const MOST = 1_000;

test('what is told is decided so, and where nothing is told no request tells the rules apart', () => {
  const passes = (one: HttpRules, asked: HttpRequest): boolean => decideHttp(one, asked).decision === 'allow';
  let whole = 0;
  fc.assert(
    fc.property(
      ruleSet,
      ruleSet,
      fc.array(request, { minLength: 40, maxLength: 80 }),
      (inner, outer, requests) => {
        const { openings, isWhole } = httpOpenings(inner, outer, MOST);
        for (const { methods: named, target } of openings)
          for (const method of named)
            if (method !== '*') {
              const asked = { method, target };
              assert.ok(passes(inner, asked) && !passes(outer, asked), JSON.stringify(asked));
            }
        if (isWhole) whole += 1;
        if (openings.length > 0 || !isWhole) return;
        for (const asked of requests)
          assert.ok(!passes(inner, asked) || passes(outer, asked), JSON.stringify({ inner, outer, asked }));
      },
    ),
    { numRuns: runs },
  );
  assert.ok(whole > runs / 2, `${whole} of ${runs}`);
});

test('rules lie within themselves, and within those with more allow rules and no more deny rules', () => {
  fc.assert(
    fc.property(ruleSet, fc.array(rule, { maxLength: 3 }), (one, more) => {
      const wider = one.allow.length === 0 ? one : { ...one, allow: [...one.allow, ...rules(more).allow] };
      for (const outer of [one, wider, { ...one, deny: [] }])
        assert.deepEqual(httpOpenings(one, outer, MOST).openings, []);
    }),
    { numRuns: runs / 4 },
  );
});
