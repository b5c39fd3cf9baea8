import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUDIT_EXAMPLES, SUPERVISOR_EXAMPLES } from '../../deploy/reference/audit-examples.js';
import { describeAuditLine } from '../../sandbox/cli/audit.js';

const { decision, closed, question, datagram, failed } = AUDIT_EXAMPLES;

test('describeAuditLine() makes one sentence of each event', () => {
  for (const [event, expected] of [
    [
      decision,
      '2026-01-15T09:30:00.125Z reports: Cannot connect to "192.0.2.10:8443": no rule allows port 8443 ("curl", pid 48112); to allow it: add "api.example.com:8443" to plugins.reports.allow',
    ],
    [
      { ...decision, decision: 'allow', reason: 'rule', rule: 'api.example.com', outcome: 'connected' },
      '2026-01-15T09:30:00.125Z reports: Allowed "192.0.2.10:8443" by rule "api.example.com": connected ("curl", pid 48112)',
    ],
    [
      closed,
      '2026-01-15T09:30:00.875Z reports: Closed "192.0.2.10:443" after 312 ms: sent 782, received 47K (closed) ("curl", pid 48112)',
    ],
    [
      { ...question, repeated: true, questions: 7 },
      '2026-01-15T09:30:02.375Z reports: Cannot resolve "tracker.example.net": no rule allows it, 7 times more ("curl", pid 48112)',
    ],
    [
      { ...failed, repeated: true, count: 9 },
      '2026-01-15T09:30:05.250Z reports: "x.example.com" is allowed, but DNS server 192.0.2.53 says that it does not exist, 9 times more ("curl", pid 48112)',
    ],
    [
      datagram,
      '2026-01-15T09:30:03.500Z reports: Cannot send UDP to "192.0.2.10:443": only TCP leaves the sandbox ("chromium", pid 48120) (3 times)',
    ],
    [
      SUPERVISOR_EXAMPLES.gap,
      '2026-01-15T09:31:10.004Z 412 events are missing here, from 2026-01-15T09:30:58.120Z to 2026-01-15T09:31:09.871Z',
    ],
    [
      SUPERVISOR_EXAMPLES.reload_failed,
      '2026-01-15T09:33:20.518Z A reload failed, and the former configuration stays in force: /etc/postern/postern.yaml:4:5: plugins.reports.alow: unknown key; did you mean "allow"?, and 1 more',
    ],
  ] as const) {
    const { message, suggestion, ...allowed } = { message: undefined, suggestion: undefined, ...event };
    const isAllowed = 'decision' in event && event.decision === 'allow';
    assert.equal(describeAuditLine({ ...(isAllowed ? allowed : event) }), expected);
  }
});

// proves: a line of the audit log does not act on the terminal
test('describeAuditLine() shows an event that it does not know as it is, and each in one bounded line that acts on no terminal', () => {
  const unknown = { event: 'later', ts: '2026-01-15T09:30:00.000Z', plugin: 'web', what: 'x' };
  assert.equal(describeAuditLine(unknown), '2026-01-15T09:30:00.000Z web: later {"plugin":"web","what":"x"}');
  const hostile = `\n\x1b[2J\u202e${'x'.repeat(9_000)}`;
  for (const event of [...Object.values(AUDIT_EXAMPLES), ...Object.values(SUPERVISOR_EXAMPLES), unknown]) {
    const texts = Object.entries(event).map(([key, value]) => [
      key,
      typeof value === 'string' && key !== 'event' ? hostile : value,
    ]);
    const line = describeAuditLine({ event: event.event, ts: hostile, ...Object.fromEntries(texts) });
    assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u, event.event);
    assert.ok(line.length < 5_000, event.event);
  }
  assert.doesNotMatch(describeAuditLine({ ...decision, program: '\n\x1b[2J' }), /[\p{Cc}\p{Cf}]/u);
});
