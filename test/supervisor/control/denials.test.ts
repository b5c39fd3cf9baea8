import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUDIT_EXAMPLES } from '../../../deploy/reference/audit-examples.js';
import { Denials } from '../../../sandbox/supervisor/control/denials.js';
import { KEPT_DENIALS } from '../../../shared/limits.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';

let clock = 0;
function tick(): string {
  clock += 1;
  return `2026-01-01T00:00:00.${String(clock).padStart(9, '0')}Z`;
}

const decision = (host: string, more: Partial<AuditEvent<'decision'>> = {}): AuditEvent => ({
  ...{ event: 'decision', ts: tick(), decision_id: 'd', plugin: 'a', pid: 1, program: 'curl', door: 'trap' },
  ...{ mode: 'enforce', decision: 'deny', reason: 'no_rule', rule: null, host, port: 443, names: [] },
  ...{ addresses_considered: [], addresses_dropped: [], dialed: null, dns_ms: null, connect_ms: null },
  ...{ outcome: null, policy_hash: null, message: `no ${host}`, suggestion: host, ...more },
});

const denials = (): Denials => new Denials((plugin) => plugin === 'a' || plugin === 'b');

test('Denials counts each destination, and knows the first and the last time', () => {
  const table = denials();
  table.take(decision('x.example.com'));
  table.take(decision('y.example.com'));
  table.take(decision('x.example.com'));
  const [first, second] = table.list(undefined, 'count', 10);
  assert.deepEqual([first?.host, first?.count, first?.suggestion], ['x.example.com', 2, 'x.example.com']);
  assert.ok((first?.first ?? '') < (second?.first ?? '') && (second?.last ?? '') < (first?.last ?? ''));
  assert.deepEqual(
    table.list(undefined, 'latest', 1).map(({ host }) => host),
    ['x.example.com'],
  );
});

test('Denials leaves out what was last refused before a time, before it counts how many are listed', () => {
  const table = denials();
  for (const host of ['x.example.com', 'x.example.com', 'y.example.com']) table.take(decision(host));
  const since = table.list(undefined, 'latest', 1)[0]?.last;
  assert.deepEqual(
    table.list(undefined, 'count', 1, since).map(({ host }) => host),
    ['y.example.com'],
  );
});

test('Denials tells plugins, ports, reasons and decisions apart, and takes no connection that was allowed', () => {
  const table = denials();
  table.take(decision('x.example.com'));
  table.take(decision('x.example.com', { port: 80, reason: 'port_not_allowed' }));
  table.take(decision('x.example.com', { plugin: 'b' }));
  table.take(decision('x.example.com', { decision: 'would_deny' }));
  table.take(decision('x.example.com', { decision: 'allow', reason: 'rule' }));
  assert.equal(table.list(undefined, 'count', 10).length, 4);
  assert.equal(table.list('b', 'count', 10).length, 1);
  assert.deepEqual(table.list('c', 'count', 10), []);
});

test('Denials tells the requests of a gateway apart by method and URL, each with its rule', () => {
  const table = denials();
  const http = (more: Partial<AuditEvent<'http'>>): AuditEvent =>
    ({ ...AUDIT_EXAMPLES.http, plugin: 'a', ts: tick(), ...more }) as AuditEvent;
  table.take(http({ path: '/x', suggestion: 'POST /x' }));
  table.take(http({ path: '/x', suggestion: 'POST /x' }));
  table.take(http({ path: '/y', suggestion: 'POST /y', port: 8443, decision: 'would_deny' }));
  table.take(http({ path: '/x', decision: 'allow', reason: 'upstream_failed', status: 502 }));
  table.take(http({ method: '', path: '', reason: 'certificate_refused' }));
  table.take(http({ decision: 'allow', reason: null, status: 200 }));
  assert.deepEqual(
    table
      .list('a', 'count', 10)
      .map(({ count, decision, reason, request, suggestion }) => [
        ...[count, decision, reason, request, suggestion],
      ]),
    [
      [2, 'deny', 'method_not_allowed', 'POST https://api.example.com/x', 'POST /x'],
      [1, 'deny', 'certificate_refused', null, 'POST /repos/example/site/issues'],
      [1, 'failed', 'upstream_failed', 'POST https://api.example.com/x', 'POST /repos/example/site/issues'],
      [1, 'would_deny', 'method_not_allowed', 'POST https://api.example.com:8443/y', 'POST /y'],
    ],
  );
});

test('Denials keeps what is refused often, however many others a plugin makes up, and the latest one', () => {
  const table = denials();
  for (let round = 0; round < 50 * KEPT_DENIALS; round += 1) {
    table.take(decision(`n${round}.example.com`));
    if (round % 100 === 0) table.take(decision('often.example.com'));
  }
  const all = table.list('a', 'count', 10_000);
  assert.equal(all.length, KEPT_DENIALS);
  assert.equal(all[0]?.host, 'often.example.com');
  assert.equal(all[0]?.count, KEPT_DENIALS / 2);
  table.take(decision('last.example.com'));
  assert.equal(table.list('a', 'latest', 1)[0]?.host, 'last.example.com');
});

test('Denials keeps nothing for a plugin that is not there', () => {
  const table = denials();
  table.take(decision('x.example.com', { plugin: 'made-up' }));
  assert.deepEqual(table.list(undefined, 'count', 10), []);
});

test('Denials reports each denial to who watches, with its count so far', () => {
  const table = denials();
  const seen: number[] = [];
  const end = table.watch(({ count }) => seen.push(count));
  table.take(decision('x.example.com'));
  table.take(decision('x.example.com'));
  end();
  table.take(decision('x.example.com'));
  assert.deepEqual(seen, [1, 2]);
});
