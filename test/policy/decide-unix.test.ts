import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePolicy } from '../../shared/policy/compile-policy.js';
import { decideUnix } from '../../shared/policy/decide-unix.js';
import { diagnoseRule } from '../../shared/policy/diagnose-rule.js';
import { parseRule } from '../../shared/policy/parse-rule.js';
import { pluginRefusal } from '../../shared/policy/plugin-refusal.js';
import { ask, policyOf } from './rules.js';

const RULE = 'unix:/run/db/x.sock';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

// proves: a path without a rule is denied
test('decideUnix() allows exactly the path of a rule, as text and as bytes', () => {
  const policy = policyOf([RULE]);
  for (const path of ['/run/db/x.sock', bytes('/run/db/x.sock')]) {
    const { decision, reason, rule, path: dialled, host, port, dial } = decideUnix(policy, path);
    assert.deepEqual(
      { decision, reason, rule, dialled, host, port, dial },
      {
        decision: 'allow',
        reason: 'rule',
        rule: RULE,
        dialled: '/run/db/x.sock',
        host: RULE,
        port: 0,
        dial: [],
      },
    );
  }
  for (const path of ['/run/db/y.sock', '/run/db', '/run/db/x.sock2', '/run/DB/x.sock']) {
    const { decision, reason, path: dialled, suggestion } = decideUnix(policy, path);
    assert.deepEqual([decision, reason, dialled], ['deny', 'no_rule', undefined], path);
    assert.equal(suggestion, `unix:${path}`);
    assert.equal(decideUnix(policyOf([suggestion ?? '']), path).decision, 'allow');
  }
});

test('bytes that are no UTF-8, and texts that have none, match no rule', () => {
  const policy = policyOf(['unix:/run/\ufffd', 'unix:/run/x']);
  assert.equal(decideUnix(policy, '/run/\ufffd').decision, 'allow');
  const strange = [
    Uint8Array.of(...bytes('/run/'), 0xff),
    Uint8Array.of(...bytes('/run/'), 0xc0, 0xaf),
    Uint8Array.of(0xef, 0xbb, 0xbf, ...bytes('/run/x')),
    Uint8Array.of(...bytes('/run/x'), 0),
    '/run/\ud800',
    '\ufeff/run/x',
    '',
    new Uint8Array(),
  ];
  for (const path of strange) {
    const { decision, reason, suggestion } = decideUnix(policy, path);
    assert.deepEqual([decision, reason, suggestion], ['deny', 'malformed_host', undefined], String(path));
  }
});

test('mode audit opens no socket, and names the rule that would', () => {
  const { decision, reason, suggestion } = decideUnix(policyOf(['*'], [], 'audit'), '/run/db/x.sock');
  assert.deepEqual([decision, reason, suggestion], ['deny', 'no_rule', RULE]);
});

test('a refusal says what is wrong, and never that a socket exists', () => {
  const policy = policyOf([RULE], ['unix:/run/denied']);
  const messages: readonly [host: string, operator: string, plugin: string][] = [
    ['unix:/run/y 0', 'no rule allows "unix:/run/y"', 'no rule allows this socket'],
    ['unix:/run/denied 0', 'deny rule "unix:/run/denied" covers it', 'a rule denies it'],
    [
      'unix:/run/../y 0',
      'the path is not one that a rule can name: absolute, in its shortest form, 107 bytes at most',
      '',
    ],
    ['unix:/run/db/x.sock 5432', 'a UNIX socket has no port: ask for port 0', ''],
  ];
  for (const [destination, operator, plugin] of messages) {
    const decision = ask(policy, destination);
    assert.equal(decision.cause, operator);
    assert.equal(pluginRefusal(decision).message.replace(/^.*?": /, ''), plugin === '' ? operator : plugin);
  }
  assert.equal(
    ask(policy, 'unix:/run/y 0').message,
    'Cannot connect to "unix:/run/y": no rule allows "unix:/run/y"',
  );
});

test('a rule for a socket is an absolute path in its shortest form', () => {
  for (const rule of [
    RULE,
    'unix:/x',
    'unix:/run/a b',
    'unix:/tmp/.s.PGSQL.5432',
    'unix:/run/ü',
    'unix:/a:b',
    `unix:/${'a'.repeat(106)}`,
  ])
    assert.deepEqual(parseRule(rule, 'allow'), {
      text: rule,
      target: { kind: 'socket', path: rule.slice(5) },
      ports: [],
    });
  const refused: readonly [rule: string, message: RegExp, suggestion?: string][] = [
    ['unix:///run/x.sock', /shortest form: \\?"\/run\/x\.sock/, 'unix:/run/x.sock'],
    ['unix:/run/../x.sock', /shortest form: \\?"\/x\.sock/, 'unix:/x.sock'],
    ['unix:/run/./x.sock', /shortest form/, 'unix:/run/x.sock'],
    ['unix:/run/x.sock/', /shortest form/, 'unix:/run/x.sock'],
    ['unix:/', /names no socket/],
    ['unix:run/x.sock', /not absolute/],
    ['unix:./x.sock', /not absolute/],
    ['unix:/run/*.sock', /wildcard/],
    ['unix:/run/x.sock:443', /has a port/, 'unix:/run/x.sock'],
    ['unix:/run/x.sock:*', /has a port/, 'unix:/run/x.sock'],
    ['unix:/run/x.sock:1-2,3', /has a port/, 'unix:/run/x.sock'],
    ['unix:/run/x\0.sock', /control character/, 'unix:/run/x.sock'],
    ['unix:/run/x.sock\n', /control character/, 'unix:/run/x.sock'],
    ['unix:/run/x.sock ', /white space/, 'unix:/run/x.sock'],
    [`unix:/${'a'.repeat(107)}`, /more than 107 bytes/],
    [`unix:/${'ü'.repeat(54)}`, /more than 107 bytes/],
    ['Unix:/run/x.sock', /lower case/, 'unix:/run/x.sock'],
    ['unix:/run/\ud800', /control character/],
    ['unix:', /colon/, 'unix'],
  ];
  for (const [rule, message, suggestion] of refused) {
    assert.equal(parseRule(rule, 'allow'), undefined, rule);
    const diagnosis = diagnoseRule(rule, 'allow');
    assert.match(diagnosis.message, message);
    assert.equal(diagnosis.suggestion, suggestion, rule);
  }
  // A port of the host "unix".
  assert.equal(parseRule('unix:443', 'allow')?.target.kind, 'name');
});

function warnings(allow: readonly string[], deny: readonly string[] = []): string[] {
  const compiled = compilePolicy({ allow, deny });
  assert.ok(compiled.ok);
  return compiled.warnings.map(({ list, index, message }) => `${list} ${index} ${message}`);
}

test('a rule for a socket is warned of where another rule covers it', () => {
  assert.deepEqual(warnings([RULE, 'unix:/run/y'], ['unix:/run/z']), []);
  assert.deepEqual(warnings([RULE, RULE]), [
    `allow 1 The rule "${RULE}" changes nothing: rule "${RULE}" covers it`,
  ]);
  assert.deepEqual(warnings([RULE], [RULE]), [
    `allow 0 The rule "${RULE}" never matches: deny rule "${RULE}" covers it`,
  ]);
  assert.match(warnings([RULE], ['*'])[0] ?? '', /allow 0 .* never matches: deny rule "\*"/);
  assert.match(warnings([], ['*', RULE])[1] ?? '', /deny 1 .* changes nothing: rule "\*"/);
  assert.equal(warnings([RULE], ['*:443']).length, 1);
  assert.equal(warnings([RULE, '*', '@private']).length, 1);
});

test('a socket whose server runs commands on the host is warned of where it is allowed', () => {
  const powerful = [
    '/var/run/docker.sock',
    '/run/user/1000/podman/podman.sock',
    '/run/systemd/private',
    '/run/dbus/system_bus_socket',
    '/run/user/1000/bus',
  ];
  for (const path of powerful) {
    assert.match(warnings([`unix:${path}`])[0] ?? '', /gives the plugin this host/, path);
    assert.deepEqual(warnings([], [`unix:${path}`]), []);
  }
  for (const path of ['/run/postgresql/.s.PGSQL.5432', '/run/mydocker.socket', '/run/busy'])
    assert.deepEqual(warnings([`unix:${path}`]), [], path);
});

test('decideUnix() and parseRule() agree about every path', () => {
  const segment = fc.constantFrom('a', '.', '..', '', 'b c', '*', 'x:1', '\0', 'ü', '\ud800');
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 5 }), (segments) => {
      const path = `/${segments.join('/')}`;
      const rule = `unix:${path}`;
      const { reason, suggestion } = decideUnix(policyOf([]), path);
      const valid = parseRule(rule, 'allow') !== undefined;
      assert.equal(reason, valid ? 'no_rule' : 'malformed_host');
      assert.equal(suggestion, valid ? rule : undefined);
      if (valid) assert.equal(decideUnix(policyOf([rule]), path).decision, 'allow');
    }),
  );
});
