import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUDIT_EXAMPLES } from '../../../deploy/reference/audit-examples.js';
import { Learner, type Learnt } from '../../../sandbox/supervisor/learn/learner.js';
import { LEARNT_REFUSALS, LIVE_ENDPOINTS } from '../../../shared/limits.js';
import { parseRule } from '../../../shared/policy/parse-rule.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';

type Decision = Partial<AuditEvent<'decision'>>;
type Question = Partial<AuditEvent<'question'>>;

const decision = (host: string, port: number, more: Decision = {}): AuditEvent =>
  ({
    ...AUDIT_EXAMPLES.decision,
    ...{ event: 'decision', plugin: 'web', host, port, names: [], decision: 'deny', reason: 'no_rule' },
    ...{ outcome: null, message: `Cannot connect to "${host}:${port}"`, ...more },
  }) as AuditEvent;

const question = (name: string | null, more: Question = {}): AuditEvent =>
  ({
    ...AUDIT_EXAMPLES.question,
    ...{
      event: 'question',
      plugin: 'web',
      name,
      decision: 'deny',
      reason: 'no_rule',
      questions: 1,
      repeated: false,
    },
    ...{ message: `Cannot resolve "${name}"`, ...more },
  }) as AuditEvent;

const LIVE = { plugin: 'web', ofRefusals: true, mostEndpoints: LIVE_ENDPOINTS };

function learn(events: readonly AuditEvent[], allowed = false, own: readonly string[] = []): Learnt {
  const learner = new Learner({ ...LIVE, allowed, own: new Set(own) });
  for (const event of events) learner.take(event);
  return learner.learnt;
}

const rulesOf = ({ rules }: Learnt): readonly string[] => rules.map(({ rule }) => rule);
const ALLOWED: Decision = { decision: 'allow', reason: 'rule', outcome: 'connected' };

test('what was refused for want of a rule becomes one, with its ports in one rule for each host', () => {
  const learnt = learn([
    decision('api.example.com', 8443, { reason: 'port_not_allowed' }),
    decision('api.example.com', 443),
    decision('93.184.216.34', 80),
    decision('api.example.com', 443),
    decision('tried.example.com', 443, { decision: 'would_deny', outcome: 'connected' }),
  ]);
  assert.deepEqual(rulesOf(learnt), ['api.example.com:443,8443', 'tried.example.com', '93.184.216.34:80']);
  assert.deepEqual(
    learnt.rules.map(({ connected }) => connected),
    [false, true, false],
  );
});

test('a host with more ports than one rule takes becomes several rules, each of which postern reads', () => {
  // Two in a row are two items of a rule.
  const ports = [...Array.from({ length: 50 }, (_, index) => 1_000 + 3 * index), 1_001, 5_000, 5_001, 5_002];
  const { rules } = learn(ports.map((port) => decision('ftp.example.com', port)));
  assert.deepEqual(
    rules.map(({ rule }) => parseRule(rule, 'allow') !== undefined),
    [true, true],
  );
  assert.deepEqual(
    rules.flatMap((one) => one.ports),
    ports.toSorted((a, b) => a - b),
  );
  assert.match(rules[0]?.rule ?? '', /^ftp\.example\.com:1000,1001,1003,/);
  assert.match(rules[1]?.rule ?? '', /,5000-5002$/);
});

test('a look-up that was refused becomes a rule for port 443, and says so; one that audit mode answered does not', () => {
  const learnt = learn([
    question('api.example.com'),
    question('before.example.com', { repeated: true }),
    question('seen.example.com', { decision: 'would_deny' }),
    question(null, { questions: 7 }),
  ]);
  assert.deepEqual(rulesOf(learnt), ['api.example.com']);
  assert.deepEqual(
    [learnt.assumed, learnt.looked_up, learnt.missed],
    [['api.example.com'], ['seen.example.com'], 7],
  );
});

// proves: no special address of a running plugin becomes a rule
test('special addresses, those of this host, sockets, localhost and what a deny rule covers are never suggested', () => {
  const hosts = [
    '10.1.2.3',
    '127.0.0.1',
    '169.254.169.254',
    '192.0.2.7',
    '::1',
    'fd00::1',
    '64:ff9b::a01:203',
  ];
  const events = [
    ...hosts.map((host) => decision(host, 443)),
    decision('10.1.2.3', 443, { reason: 'address_special' }),
    decision('203.0.114.5', 443),
    decision('unix:/run/db.sock', 0),
    decision('localhost', 443),
    question('db.localhost'),
    decision('denied.example.com', 443, { reason: 'denied_by_rule' }),
    question('private.example.com', { reason: 'address_special', suggestion: '10.1.2.3:443' }),
  ];
  for (const allowed of [false, true]) {
    const learnt = learn([...events, decision('10.9.9.9', 443, ALLOWED)], allowed, ['203.0.114.5']);
    assert.deepEqual(rulesOf(learnt), []);
    assert.deepEqual(learnt.assumed, []);
    assert.ok(learnt.refused.length >= 10 && learnt.refused.every(({ suggestion }) => suggestion === null));
  }
});

test('what rules allow already is learnt on request alone', () => {
  const events = [decision('api.example.com', 443, ALLOWED), decision('other.example.com', 443)];
  assert.deepEqual(rulesOf(learn(events)), ['other.example.com']);
  assert.deepEqual(rulesOf(learn(events, true)), ['api.example.com', 'other.example.com']);
});

test('each name of an address gets a rule, and the address none', () => {
  const names = ['b.example.com', 'a.example.com'];
  const learnt = learn([decision('b.example.com', 8443, { names, reason: 'port_not_allowed' })]);
  assert.deepEqual(rulesOf(learnt), ['a.example.com:8443', 'b.example.com:8443']);
  assert.deepEqual(learnt.shared, [['a.example.com', 'b.example.com']]);
});

test('other plugins teach nothing, and other events neither', () => {
  const learner = new Learner({ ...LIVE, allowed: true, own: new Set() });
  assert.equal(learner.take(decision('api.example.com', 443, { plugin: 'other' })), false);
  assert.equal(learner.take({ ...AUDIT_EXAMPLES.closed, plugin: 'web' } as AuditEvent), false);
  assert.deepEqual(rulesOf(learner.learnt), []);
});

// proves: a plugin that makes up destinations costs little
test('a broker that was taken over teaches no rule that is none, and a plugin that makes up names costs little', () => {
  const strange = ["x'; rm -rf", '*', '*.example.com', 'a b', 'A.EXAMPLE.COM', '', '@private'];
  assert.deepEqual(rulesOf(learn(strange.map((host) => decision(host, 443)))), []);
  assert.deepEqual(rulesOf(learn([decision('api.example.com', 70_000), decision('api.example.com', 0)])), []);
  const many = Array.from({ length: 2 * LIVE_ENDPOINTS }, (_, at) => decision(`n${at}.example.com`, 443));
  const special = Array.from({ length: 2 * LEARNT_REFUSALS }, (_, at) => decision('10.1.2.3', at + 1));
  const learnt = learn([...many, ...special]);
  assert.equal(learnt.rules.length, LIVE_ENDPOINTS);
  assert.equal(learnt.refused.length, LEARNT_REFUSALS);
  assert.equal(learnt.missed, LIVE_ENDPOINTS + LEARNT_REFUSALS);
});

test('of a run in audit mode, what was reached becomes a rule, and what was refused stays closed with its suggestion', () => {
  const learner = new Learner({ ...LIVE, ofRefusals: false, allowed: false, own: new Set() });
  const names = ['cdn.example.com'];
  for (const event of [
    decision('192.0.2.1', 443, { decision: 'would_deny', outcome: 'connected', names }),
    question('seen.example.com', { decision: 'would_deny' }),
    decision('unix:/run/db.sock', 0, { suggestion: 'unix:/run/db.sock' }),
    question('denied.example.com', { reason: 'denied_by_rule', suggestion: 'denied.example.com' }),
    decision('given.example.com', 443, ALLOWED),
  ])
    learner.take(event);
  const { rules, looked_up: lookedUp, refused, assumed } = learner.learnt;
  assert.deepEqual(
    rules.map(({ rule }) => rule),
    ['cdn.example.com'],
  );
  assert.deepEqual([lookedUp, assumed], [['seen.example.com'], []]);
  assert.deepEqual(
    refused.map(({ suggestion }) => suggestion),
    ['unix:/run/db.sock', 'denied.example.com'],
  );
});

const request = (suggestion: string | undefined, more: Partial<AuditEvent<'http'>> = {}): AuditEvent =>
  ({ ...AUDIT_EXAMPLES.http, plugin: 'web', suggestion, ...more }) as AuditEvent;

// proves: gateway: what is learnt of requests is a rule
test('what a gateway refused for want of a rule becomes a rule for its host, and no other text does', () => {
  const learnt = learn([
    request('POST /b'),
    request('GET /a'),
    request('POST /b'),
    request('GET /c', { host: 'other.example.com', decision: 'would_deny' }),
    request('GET /d', { decision: 'allow' }),
    request(undefined),
    request('GET /x\nallow: ["*"]'),
    request('GET /x', { host: 'a b' }),
  ]);
  assert.deepEqual(learnt.requests, [
    { host: 'api.example.com', allow: ['GET /a', 'POST /b'] },
    { host: 'other.example.com', allow: ['GET /c'] },
  ]);
  assert.equal(learn(Array.from({ length: 300 }, (_, at) => request(`GET /${at}`))).missed, 44);
});
