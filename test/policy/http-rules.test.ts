import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decideHttp,
  HTTP_PRESETS,
  type HttpRule,
  type HttpRules,
  normalisePath,
  readHttpRule,
} from '../../shared/policy/http-rules.js';

function rule(text: string): HttpRule {
  const read = readHttpRule(text);
  assert.ok(read.ok, `${text}: ${read.ok ? '' : read.message}`);
  return read.rule;
}

const rules = (allow: readonly string[], deny: readonly string[] = []): HttpRules => ({
  allow: allow.map(rule),
  deny: deny.map(rule),
});

/** The decision in a word: `allow`, or the reason. */
function decided(given: HttpRules, method: string, target: string): string {
  const decision = decideHttp(given, { method, target });
  return decision.decision === 'allow' ? 'allow' : decision.reason;
}

test('a path is decoded once, and loses dot segments and empty segments', () => {
  const paths: readonly (readonly [string, string | undefined])[] = [
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['//a///b', '/a/b'],
    ['/a/./b/../c', '/a/c'],
    ['/a/b/..', '/a/'],
    ['/a/b/.', '/a/b/'],
    ['/%61%2d%7E', '/a-~'],
    ['/%2e%2E/x', undefined],
    ['/a/%2e%2e/b', '/b'],
    ['/a%2fb', '/a%2Fb'],
    ['/@scope%2fname', '/@scope%2Fname'],
    ['/%2540', '/%2540'],
    ['/%252e%252e/x', '/%252e%252e/x'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/a*b', '/a%2Ab'],
    ['/a%2ab', '/a%2Ab'],
    ['/a%3fb', '/a%3Fb'],
    ['/a%20b', '/a%20b'],
  ];
  for (const [raw, text] of paths) assert.equal(normalisePath(raw)?.text, text, raw);
});

// proves: gateway: a path that servers read differently is none
test('a path that servers could read differently is none', () => {
  const odd = [
    '',
    'a',
    '*',
    '/..',
    '/a/../..',
    '/%',
    '/%2',
    '/%zz',
    '/a b',
    '/a\tb',
    '/a\\b',
    '/a%5cb',
    '/%00',
  ];
  for (const raw of [...odd, '/a%0d%0ab', '/%7f', '/a#b', '/caf\u00e9'])
    assert.equal(normalisePath(raw), undefined, raw);
});

// proves: gateway: a path with an overlong letter is none
test('a path with a letter in more bytes than it needs is none', () => {
  for (const dot of ['%c0%ae', '%E0%80%AE', '%f0%80%80%ae'])
    assert.equal(normalisePath(`/a/${dot}${dot}/b`), undefined, dot);
  for (const raw of ['/%C3%A9', '/%E0%A4%B9', '/%F0%9F%98%80', '/%C0', '/%E0'])
    assert.equal(normalisePath(raw)?.text, raw);
});

test('what was normalised stays as it is, and has no segment that leads elsewhere', () => {
  const piece = fc.constantFrom(
    'a',
    '/',
    '.',
    '..',
    '%2e',
    '%2F',
    '%25',
    '%41',
    '%7b',
    '%3B',
    ';x',
    '*',
    '%2a',
    '%',
    '\\',
    '%00',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const path = normalisePath(`/${pieces.join('')}`);
      if (path === undefined) return;
      const { text, sent, segments } = path;
      assert.deepEqual(normalisePath(sent), path);
      const again = normalisePath(text);
      assert.deepEqual([again?.text, again?.segments], [text, segments]);
      for (const segment of path.segments) assert.ok(!['', '.', '..'].includes(segment));
    }),
  );
});

test('* is one segment, and ** any number', () => {
  const given = rules(['GET /repos/example/**', 'POST /repos/example/*/issues', 'GET /a/**/z']);
  const cases: readonly (readonly [string, string, string])[] = [
    ['GET', '/repos/example', 'allow'],
    ['GET', '/repos/example/', 'allow'],
    ['GET', '/repos/example/x/y/z', 'allow'],
    ['GET', '/repos/other/x', 'path_not_allowed'],
    ['GET', '/repos/examples', 'path_not_allowed'],
    ['POST', '/repos/example/x/issues', 'allow'],
    ['POST', '/repos/example/x/y/issues', 'method_not_allowed'],
    ['POST', '/repos/other/x/issues', 'path_not_allowed'],
    ['DELETE', '/repos/example/x/issues', 'method_not_allowed'],
    ['GET', '/a/z', 'allow'],
    ['GET', '/a/b/z/z', 'allow'],
    ['GET', '/a/z/b', 'path_not_allowed'],
    ['GET', '/repos/example/../other/x', 'path_not_allowed'],
    ['GET', '/repos/example/%2e%2e/other', 'path_not_allowed'],
    ['get', '/a/z', 'method_not_allowed'],
  ];
  for (const [method, target, word] of cases)
    assert.equal(decided(given, method, target), word, `${method} ${target}`);
});

// proves: gateway: an allow rule covers each reading of a path
test('an encoded slash is a letter and a separator: an allow rule covers both', () => {
  const given = rules(['GET /@scope%2Fname', 'GET /*/x', 'GET /projects/group%2Fname/**', 'GET /public/**']);
  const cases: readonly (readonly [string, string])[] = [
    ['/@scope%2fname', 'allow'],
    ['/@scope/name', 'path_not_allowed'],
    ['/a%2fb/x', 'path_not_allowed'],
    ['/a%2fx', 'path_not_allowed'],
    ['/projects/group%2Fname/issues', 'allow'],
    ['/projects/group%2Fother/issues', 'path_not_allowed'],
    ['/projects/group/name%2Fissues', 'path_not_allowed'],
    ['/public/a%2Fb', 'allow'],
    ['/public%2Fa', 'path_not_allowed'],
    ['/public;a%2F;b/c', 'bad_request'],
  ];
  for (const [target, word] of cases) assert.equal(decided(given, 'GET', target), word, target);
});

// proves: gateway: an encoded slash leads to no other folder
test('an encoded slash that would lead to another folder is refused', () => {
  for (const target of ['/public/..%2Fadmin', '/public/%2e%2e%2fadmin', '/public/a%2F', '/public/%2Fa'])
    assert.equal(decided(rules(['GET /public/**']), 'GET', target), 'bad_request', target);
  for (const target of ['/public/a%2F.%2Fb', '/a%2F..;x/b', '/a;%2F..%2Fb', '/a%2F;x'])
    assert.equal(decided(rules([], ['* /admin/**']), 'GET', target), 'bad_request', target);
});

test('what is sent leads where what was matched leads, with its query', () => {
  const decision = decideHttp(rules(['GET /b/**']), { method: 'GET', target: '/a/..//b/%63?x=/../%2e' });
  assert.equal(decision.target, '/b/c?x=/../%2e');
});

test('what is sent keeps what came encoded, and rules match it in either way', () => {
  for (const [target, rule] of [
    ['/a%3Bb', '/*'],
    ['/%7bid%7D/x', '/{id}/x'],
    ['/a%3d%22', '/a="'],
    ['/a*b', '/a%2Ab'],
  ] as const) {
    const sent = target.replace(/%../g, (letter) => letter.toUpperCase());
    const { decision, target: goes } = decideHttp(rules([`GET ${rule}`]), { method: 'GET', target });
    assert.deepEqual([decision, goes], ['allow', sent]);
    assert.equal(decided(rules([], [`* ${rule}`]), 'GET', target), 'path_not_allowed');
  }
});

test('without rules a path goes as it came', () => {
  assert.deepEqual(decideHttp(rules([]), { method: 'PUT', target: '//a/../%zz' }), {
    decision: 'allow',
    rule: undefined,
    target: '//a/../%zz',
  });
});

test('a deny rule wins, and alone it leaves the rest open', () => {
  const both = rules(['* /repos/**'], ['* /repos/*/*/actions/**']);
  assert.equal(decided(both, 'GET', '/repos/a/b/issues'), 'allow');
  assert.equal(decided(both, 'GET', '/repos/a/b/actions'), 'path_not_allowed');
  const alone = rules([], ['DELETE /**']);
  assert.equal(decided(alone, 'GET', '/x'), 'allow');
  assert.equal(decided(alone, 'DELETE', '/x'), 'path_not_allowed');
  assert.equal(decided(alone, 'GET', '/%zz'), 'bad_request');
});

// proves: gateway: a deny rule covers each reading of a path
test('a deny rule covers every spelling that a server could take for its path', () => {
  const given = rules(['* /**'], ['* /admin/**']);
  const spellings = [
    '/admin',
    '/Admin/x',
    '/ADMIN',
    '//admin',
    '/x/../admin',
    '/%61dmin',
    '/admin;a=b/x',
    '/./admin/.',
    '/admin%3bx',
    '/admin%2Fkeys',
    '/ADMIN;x%2Fy',
    '/admin;x%2Fy/z',
  ];
  for (const target of spellings) assert.notEqual(decided(given, 'GET', target), 'allow', target);
  for (const target of ['/..;/admin', '/x/..;a/admin', '/;/admin'])
    assert.equal(decided(given, 'GET', target), 'bad_request', target);
});

test('a deny rule with an encoded slash covers a plain one too', () => {
  const given = rules([], ['* /@scope%2Fname', '* /repos/*/*/actions/**']);
  for (const target of ['/@scope/name', '/@Scope%2fname', '/repos/example/site%2Factions/runs'])
    assert.equal(decided(given, 'GET', target), 'path_not_allowed', target);
  assert.equal(decided(given, 'GET', '/repos/example%2Fsite/issues'), 'allow');
});

test('an allow rule covers a path only if it does with and without parameters of a segment', () => {
  const given = rules(['GET /a/b']);
  assert.equal(decided(given, 'GET', '/a;x=1/b'), 'path_not_allowed');
  assert.equal(decided(rules(['GET /a;x=1/b']), 'GET', '/a;x=1/b'), 'path_not_allowed');
  assert.equal(decided(rules(['GET /*/b']), 'GET', '/a;x=1/b'), 'allow');
});

test('a rule that is suggested allows the request', () => {
  const given = rules(['GET /none']);
  for (const target of ['/a/b', '/a;x=1/b/', '/a;x=1;y', '/a;x%2Fy/b', '/a%2Fb', '/a*b?q=1;r=2']) {
    const decision = decideHttp(given, { method: 'GET', target });
    assert.ok(decision.decision === 'deny' && decision.suggestion !== undefined, target);
    assert.equal(decided(rules([decision.suggestion]), 'GET', target), 'allow', decision.suggestion);
  }
});

// proves: gateway: a deny rule covers each reading of a query
test('a query counts for a rule that names one', () => {
  const given = rules(['GET /search', 'POST /x?service=read', 'PUT /y?id=*'], ['* /search?admin=1']);
  const cases: readonly (readonly [string, string, string])[] = [
    ['GET', '/search?q=1', 'allow'],
    ['GET', '/search?admin=1', 'path_not_allowed'],
    ['GET', '/search?admin=0&%61dmin=1', 'path_not_allowed'],
    ['GET', '/search?q=1;admin=1', 'path_not_allowed'],
    ['GET', '/search?q=1;b', 'allow'],
    ['POST', '/x?service=read;service=write', 'path_not_allowed'],
    ['POST', '/x?a=1;service=read', 'path_not_allowed'],
    ['POST', '/x?service=read', 'allow'],
    ['POST', '/x?service=read&other=1', 'allow'],
    ['POST', '/x?service=write', 'path_not_allowed'],
    ['POST', '/x?service=read&service=write', 'path_not_allowed'],
    ['POST', '/x', 'path_not_allowed'],
    ['PUT', '/y?id=7', 'allow'],
    ['PUT', '/y', 'path_not_allowed'],
  ];
  for (const [method, target, word] of cases)
    assert.equal(decided(given, method, target), word, `${method} ${target}`);
});

// proves: gateway: a rule for a parameter covers each spelling of its name
test('a rule for a parameter covers the names that servers take for the same one', () => {
  const given = rules(['GET /x?op=read', 'GET /y?page[size]=1'], ['* /api?my_op=delete', '* /all?debug=*']);
  const cases: readonly (readonly [string, string])[] = [
    ...[
      'My_Op',
      'my_op[]',
      'my_op[0]',
      '+my_op',
      '%20my_op',
      'my_op%00x',
      'my.op',
      'my+op',
      'MY%2Eop[a]',
      '[my_op]',
      '%5Bmy_op%5D[a]',
      'my_op]',
      'my[op',
    ].map((name) => [`/api?${name}=delete`, 'path_not_allowed'] as const),
    ['/api?my_op=DELETE', 'path_not_allowed'],
    ['/all?Debug', 'path_not_allowed'],
    ['/x?op=read&Op=write', 'path_not_allowed'],
    ['/x?op=read&op[]=write', 'path_not_allowed'],
    ['/x?op=read&[op]=write', 'path_not_allowed'],
    ['/x?op=read&to[op]=write', 'allow'],
    ['/x?op=read&OP=read', 'allow'],
    ['/x?op=READ', 'path_not_allowed'],
    ['/x?Op=read', 'path_not_allowed'],
    ['/x?op=read&ops=write', 'allow'],
    ['/y?page[size]=1&page[number]=2', 'allow'],
    ['/y?page[size]=1&PAGE[SIZE]=2', 'path_not_allowed'],
  ];
  for (const [target, word] of cases) assert.equal(decided(given, 'GET', target), word, target);
});

test('a refusal suggests the rule that would allow the request, and that rule is one', () => {
  const decision = decideHttp(rules(['GET /a']), { method: 'POST', target: '/b/*/c%2a?x=1' });
  assert.ok(decision.decision === 'deny');
  assert.equal(decision.suggestion, 'POST /b/%2A/c%2A');
  assert.equal(decided(rules([decision.suggestion ?? '']), 'POST', '/b/*/c%2a'), 'allow');
});

test('a long path and many ** are decided at once', () => {
  const given = rules([`GET /${'**/a/'.repeat(40)}z`]);
  assert.equal(decided(given, 'GET', `/${'a/'.repeat(2000)}b`), 'path_not_allowed');
});

test('a rule that cannot be read says why', () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ['', /not a rule/],
    ['/x', /not a rule/],
    ['GET', /not a rule/],
    ['get /x', /not a method/],
    ['GET,,POST /x', /not a method/],
    ['CONNECT /x', /CONNECT/],
    ['GET x', /begins with/],
    ['GET /a//b', /not as it is matched/],
    ['GET /a/../b', /not as it is matched/],
    ['GET /%61', /not as it is matched/],
    ['GET /%zz', /more than one way/],
    ['GET /a#b', /behind #/],
    ['GET /v*', /part of a segment/],
    ['GET /a/***', /part of a segment/],
    ['GET /x?', /nothing behind/],
  ];
  for (const [text, message] of bad) {
    const read = readHttpRule(text);
    assert.ok(!read.ok, text);
    assert.match(read.message, message, text);
  }
});

test('the presets are rules', () => {
  for (const preset of Object.values(HTTP_PRESETS)) for (const text of preset) rule(text);
  const github = rules(HTTP_PRESETS['github-read'] ?? []);
  assert.equal(decided(github, 'GET', '/o/r.git/info/refs?service=git-upload-pack'), 'allow');
  assert.equal(decided(github, 'POST', '/o/r.git/git-upload-pack'), 'allow');
  assert.equal(decided(github, 'POST', '/o/r.git/git-receive-pack'), 'path_not_allowed');
  assert.equal(decided(github, 'GET', '/o/r.git/info/refs?service=git-receive-pack'), 'path_not_allowed');
  assert.equal(decided(github, 'GET', '/user'), 'allow');
  for (const query of ['', '?service=git-upload-pack'])
    assert.equal(decided(github, 'GET', `/user/emails${query}`), 'path_not_allowed');
});

test('read-only permits what reads, on each path, and nothing that writes', () => {
  const readOnly = rules(HTTP_PRESETS['read-only'] ?? []);
  for (const path of ['/', '/a', '/a/b?c=d', '/a%2Fb/c;d']) {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) assert.equal(decided(readOnly, method, path), 'allow');
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'QUERY', 'PROPFIND'])
      assert.equal(decided(readOnly, method, path), 'method_not_allowed', `${method} ${path}`);
  }
});
