import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUDIT_EXAMPLES } from '../../../deploy/reference/audit-examples.js';
import { asAllowOptions, refusalLine } from '../../../sandbox/cli/refusal-line.js';
import { readBrokerLine } from '../../../sandbox/supervisor/broker/broker-lines.js';
import { KEPT_TEXT, TOLD_PROBLEMS } from '../../../shared/limits.js';
import { printable } from '../../../shared/printable.js';
import { AUDIT_EVENTS } from '../../../shared/protocol/audit-events.js';

const explanation = {
  decision: 'deny',
  reason: 'no_rule',
  rule: null,
  host: 'example.com',
  port: 443,
  message: 'Cannot connect to "example.com:443": no rule allows it',
  suggestion: 'example.com',
  name_suggestion: null,
  addresses: [{ address: '192.0.2.1', class: 'special', fate: 'address_special', rule: null }],
  way: { via: 'http://proxy.example.com:3128', tunnel: 'example.com:443', rule: null },
};
const LINES = [
  { type: 'ready', link: 1, version: '1.0.0' },
  { type: 'failed', message: 'no', fix: 'do' },
  { type: 'plugin_ready', plugin: 'web', policyHash: '00' },
  { type: 'plugin_refused', plugin: 'web', problems: ['no'] },
  { type: 'audit', line: AUDIT_EXAMPLES.decision },
  { type: 'metrics', id: 1, text: 'a 1', last: true },
  { type: 'explained', id: 1, explanation },
  { type: 'session_ended', session: 1 },
  { type: 'trap_ended', session: 1 },
  { type: 'channel_wanted', plugin: 'web', session: 1, id: 2 },
];

test('readBrokerLine() reads each line that a broker writes', () => {
  for (const line of LINES) assert.deepEqual(readBrokerLine(JSON.stringify(line)), line);
});

// proves: a broker's line that is of no known form is none
test('readBrokerLine() refuses a line in which a field is missing or of another type', () => {
  for (const line of LINES) {
    for (const key of Object.keys(line).filter((name) => name !== 'fix')) {
      const odd = key === 'line' ? [{ a: {} }, { a: [1] }] : [{}];
      for (const value of [undefined, null, [1], [[]], ...odd])
        assert.equal(
          readBrokerLine(JSON.stringify({ ...line, [key]: value })),
          undefined,
          `${line.type} ${key}`,
        );
    }
  }
  for (const [key, value] of Object.entries({ decision: 'yes', reason: 'so', addresses: [{}], message: 5 })) {
    const changed = { type: 'explained', id: 1, explanation: { ...explanation, [key]: value } };
    assert.equal(readBrokerLine(JSON.stringify(changed)), undefined, key);
  }
  for (const text of ['', 'null', '5', '[]', '{', '{"type":"listen"}'])
    assert.equal(readBrokerLine(text), undefined, text);
});

// proves: a broker's event has no text that fills the memory
test('readBrokerLine() refuses a text that is longer than any that a broker writes', () => {
  const long = 'x'.repeat(KEPT_TEXT + 1);
  for (const line of [
    { type: 'ready', link: 1, version: long },
    { type: 'failed', message: long },
    { type: 'plugin_refused', plugin: 'web', problems: [long] },
    { type: 'plugin_refused', plugin: 'web', problems: Array(TOLD_PROBLEMS + 1).fill('no') },
    { type: 'explained', id: 1, explanation: { ...explanation, message: long } },
    { type: 'audit', line: { ...AUDIT_EXAMPLES.decision, message: long } },
    { type: 'audit', line: { ...AUDIT_EXAMPLES.decision, names: [long] } },
  ])
    assert.equal(readBrokerLine(JSON.stringify(line)), undefined, line.type);
});

// proves: a broker writes no request of a gateway
test('readBrokerLine() refuses a request of a gateway, and takes every other event of the table', () => {
  for (const event of Object.keys(AUDIT_EVENTS) as (keyof typeof AUDIT_EVENTS)[]) {
    const line = { type: 'audit', line: AUDIT_EXAMPLES[event] };
    assert.deepEqual(readBrokerLine(JSON.stringify(line)), event === 'http' ? undefined : line, event);
  }
});

// proves: what a broker writes is shown without what a terminal acts on
test('what a broker says of a refusal is one line on a terminal, which does nothing but show it', () => {
  const event = {
    ...AUDIT_EXAMPLES.decision,
    program: null,
    message: 'a\u001b[2J\npostern: b\u009b1m\u202e\ud800é',
    suggestion: 'c\r',
  };
  const shown = refusalLine(event, asAllowOptions);
  assert.equal(shown, "a\\u001b[2J\\u000apostern: b\\u009b1m\\u202e\\ud800é; to allow it: --allow $'c\\015'");
  assert.equal(printable('\u{e0001}'), '\\udb40\\udc01');
});
