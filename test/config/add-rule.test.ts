import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { addRule, addToRuleFile } from '../../shared/config/add-rule.js';

const RULE = 'api.example.net:443';

function added(text: string): string {
  const result = addRule(text, 'web', RULE);
  assert.ok(result.ok, JSON.stringify(result));
  return result.text;
}

test('addRule() adds to a list, and keeps comments and order', () => {
  const text = `# the whole file
plugins:
  web:
    command: [node, server.js] # as it is
    allow:
      # the API
      - api.example.com
  other:
    command: ["true"]
`;
  assert.equal(added(text), text.replace('- api.example.com\n', `- api.example.com\n      - ${RULE}\n`));
});

test('addRule() adds to a list in brackets, and makes a missing or an empty one', () => {
  assert.match(
    added('plugins: {web: {command: [a], allow: [b.example.com]}}\n'),
    /\[b\.example\.com, api\.example\.net:443\]/,
  );
  for (const text of [
    'plugins:\n  web:\n    command: [a]\n',
    'plugins:\n  web:\n    command: [a]\n    allow:\n',
  ])
    assert.match(added(text), /allow:\s+- api\.example\.net:443\n/);
});

test('addRule() quotes what YAML would read in another way', () => {
  const result = addRule('plugins:\n  web:\n    command: [a]\n', 'web', '[2606:2800:220:1::10]:443');
  assert.ok(result.ok);
  assert.match(result.text, /- "\[2606:2800:220:1::10\]:443"\n/);
});

test('addRule() leaves a file as it is that has the rule', () => {
  const text = `plugins:   {web: {command: [a],   allow: [${RULE}]}}\n`;
  assert.equal(added(text), text);
});

test('addRule() adds to what has an anchor that nothing uses', () => {
  const text = 'plugins:\n  web: &web\n    command: [a]\n    allow: &list\n      - x.example.com\n';
  assert.equal(added(text), `${text}      - ${RULE}\n`);
});

for (const [name, text, problem] of [
  ['has no such plugin', 'plugins: {other: {command: [a]}}\n', /no plugin web/],
  // proves: an approved rule is for one plugin alone
  [
    'uses the list by an alias',
    'a: &a [x.example.com]\nplugins: {web: {command: [a], allow: *a}}\n',
    /^plugins\.web\.allow is "\*a"/,
  ],
  // proves: an approved rule is for one plugin alone
  [
    'shares the list with another plugin',
    'plugins: {web: {command: [a], allow: &a [x.example.com]}, other: {command: [a], allow: *a}}\n',
    /^plugins\.web\.allow has the anchor "&a", which "\*a" uses/,
  ],
  // proves: an approved rule is for one plugin alone
  [
    'shares the entry with another plugin',
    'plugins: {web: &w {command: [a], allow: [x.example.com]}, other: *w}\n',
    /^plugins\.web has the anchor "&w", which "\*w" uses/,
  ],
  // proves: an approved rule is for one plugin alone
  [
    'shares an entry that has no list yet with another plugin',
    'plugins: {web: &w {command: [a]}, other: *w}\n',
    /^plugins\.web has the anchor "&w"/,
  ],
  ['has the entry by an alias', 'plugins: {other: &w {command: [a]}, web: *w}\n', /^plugins\.web is "\*w"/],
  [
    'has all plugins by an alias',
    'x: &p {web: {command: [a], allow: [x.example.com]}}\nplugins: *p\n',
    /^plugins is "\*p"/,
  ],
  // proves: an approved rule is for one plugin alone
  [
    'shares all plugins',
    'plugins: &p {web: {command: [a], allow: [x.example.com]}}\nx: *p\n',
    /^plugins has the anchor "&p"/,
  ],
  // proves: an approved rule is for one plugin alone
  [
    'shares the entry by a merge key',
    '%YAML 1.1\n---\nplugins: {web: &w {command: [a], allow: [x.example.com]}, other: {<<: *w}}\n',
    /^plugins\.web has the anchor "&w"/,
  ],
  // proves: an approved rule is for one plugin alone
  [
    'has the list by a merge key',
    '%YAML 1.1\n---\nx: &x {allow: [x.example.com]}\nplugins: {web: {<<: *x, command: [a]}}\n',
    /^plugins\.web takes keys of another map by "<<"/,
  ],
  ['has no list there', 'plugins: {web: {command: [a], allow: {a: b}}}\n', /no list/],
  ['is broken', 'plugins: {web: {command: [a]\n', /no valid YAML/],
] as const) {
  test(`addRule() changes nothing in a file that ${name}`, () => {
    const result = addRule(text, 'web', RULE);
    assert.ok(!result.ok, JSON.stringify(result));
    assert.match(result.problem, problem);
  });
}

test('addRule() adds in a file in which 120 plugins share a list', () => {
  const others = Array.from({ length: 120 }, (_, at) => `  p${at}: {command: [a], allow: *shared}\n`).join(
    '',
  );
  const text = `defaults: {deny: &shared [y.example.com]}\nplugins:\n  web: {command: [a], allow: []}\n${others}`;
  const result = addRule(text, 'web', RULE);
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.text.split(RULE).length, 2);
  assert.ok(result.text.endsWith(others), result.text);
});

test('addToRuleFile() adds rules, and comments that open something without their "#"', () => {
  const text = '# ours\nallow:\n  - api.example.com # the API\ndeny: [x.example.com]\n';
  const comments = ['- db.example.com:5432 # closed', '- "@private" # closed', 'only words'];
  const result = addToRuleFile(text, ['api.example.com', RULE], comments);
  assert.ok(result.ok);
  assert.equal(
    result.text,
    `# ours\nallow:\n  - api.example.com # the API\n  - ${RULE}\n  # - db.example.com:5432 # closed\n  # - "@private" # closed\n  # only words\ndeny: [ x.example.com ]\n`.replace(
      '[ x.example.com ]',
      '[x.example.com]',
    ),
  );
  const opened = parse(result.text.replaceAll('# - ', '- '));
  assert.deepEqual(opened.allow, ['api.example.com', RULE, 'db.example.com:5432', '@private']);
  // The same once more, also where the words differ, changes nothing.
  const again = addToRuleFile(result.text, [RULE], ['- db.example.com:5432 # other words', 'only words']);
  assert.deepEqual(again, { ok: true, text: result.text });
});

test('addToRuleFile() makes a list, keeps one in brackets a list, and leaves a shared one alone', () => {
  for (const [text, allow] of [
    ['', [RULE]],
    ['# only a comment\n', [RULE]],
    ['allow:\n', [RULE]],
    ['allow: []\n', [RULE]],
    ['deny: [x.example.com]\n', [RULE]],
    ['allow: [api.example.com, "*.example.org"]\n', ['api.example.com', '*.example.org', RULE]],
  ] as const) {
    const result = addToRuleFile(text, [RULE], ['- db.example.com # closed']);
    assert.ok(result.ok, text);
    assert.deepEqual(parse(result.text).allow, allow, text);
    assert.match(result.text, /# - db\.example\.com # closed$/m);
    const closed = addToRuleFile(text, [], ['- db.example.com # closed']);
    assert.ok(closed.ok, text);
    assert.deepEqual(parse(closed.text).allow ?? [], allow.slice(0, -1), text);
  }
  const shared = addToRuleFile('allow: &a [x.example.com]\ndeny: *a\n', [RULE], []);
  assert.equal(shared.ok, false);
});
