import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addRule } from '../../shared/config/add-rule.js';

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

for (const [name, text, problem] of [
  ['has no such plugin', 'plugins: {other: {command: [a]}}\n', /no plugin web/],
  [
    'shares the list by an alias',
    'a: &a [x.example.com]\nplugins: {web: {command: [a], allow: *a}}\n',
    /alias/,
  ],
  ['shares the list by an anchor', 'plugins: {web: {command: [a], allow: &a [x.example.com]}}\n', /anchor/],
  ['has no list there', 'plugins: {web: {command: [a], allow: {a: b}}}\n', /no list/],
  ['is broken', 'plugins: {web: {command: [a]\n', /no valid YAML/],
] as const) {
  test(`addRule() changes nothing in a file that ${name}`, () => {
    const result = addRule(text, 'web', RULE);
    assert.ok(!result.ok);
    assert.match(result.problem, problem);
  });
}
