import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Audit, EventTally, SOMEBODY } from '../../../broker/record/audit.js';
import { dnsServers, type Failure, Failures, failureMessage } from '../../../broker/record/failures.js';
import { LogRoom } from '../../../broker/record/log-gate.js';
import { readBrokerLine } from '../../../sandbox/supervisor/broker/broker-lines.js';
import { LOG_WINDOW_MS, LOGGED_NAMES } from '../../../shared/limits.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import { FAILURES } from '../../../shared/words.js';

const HOLD_MS = 1000;
const TARGET = { host: 'x.example.com', port: 443 };

const failure = (more: Partial<Failure> = {}): Failure => ({
  ...{ ...TARGET, reason: 'refused', origin: SOMEBODY, dialed: '192.0.2.1', names: [], since: 0 },
  ...{ message: 'it failed', ...more },
});

/** Nobody reads the audit events that an operator need not see. */
function told(): { failures: Failures; events: AuditEvent<'failed'>[]; counts: Record<string, number> } {
  const events: AuditEvent<'failed'>[] = [];
  const counts: Record<string, number> = {};
  const sendSoon = (json: string): void => {
    const line = readBrokerLine(json);
    assert.ok(line?.type === 'audit' && line.line.event === 'failed', json);
    events.push(line.line);
  };
  const audit = new Audit(
    { backlogBytes: 0, sendSoon },
    () => assert.fail('an event was dropped'),
    new LogRoom(undefined, () => 0),
    new EventTally(),
    false,
  );
  const count = (key: string, labels: object, times = 1): void => {
    const series = `${key} ${Object.values(labels).join(' ')}`;
    counts[series] = (counts[series] ?? 0) + times;
  };
  return { failures: new Failures(audit, 'web', { count }, audit.gate('web')), events, counts };
}

test('each kind of failure is an event and a count, although nobody reads the audit', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { failures, events, counts } = told();
  for (const reason of FAILURES)
    failures.note(failure({ reason, message: failureMessage(reason, TARGET, '192.0.2.1', 4_950) }));
  assert.equal(events.length, 0);
  t.mock.timers.tick(HOLD_MS);
  assert.deepEqual(
    events.map(({ reason }) => reason),
    FAILURES,
  );
  for (const reason of FAILURES) assert.equal(counts[`connectFailures ${reason}`], 1, reason);
  assert.match(
    events[5]?.message ?? '',
    /^"x\.example\.com:443" is allowed, but 192\.0\.2\.1 gave no answer within 5\.0 s$/,
  );
});

test('a failure again and again is one line at once and one a minute, with the count', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { failures, events, counts } = told();
  for (let second = 0; second < LOG_WINDOW_MS / HOLD_MS; second += 1) {
    failures.note(failure());
    failures.note(failure());
    t.mock.timers.tick(HOLD_MS);
  }
  t.mock.timers.tick(LOG_WINDOW_MS);
  assert.deepEqual(
    events.map(({ count, repeated }) => [count, repeated]),
    [
      [2, false],
      [118, true],
    ],
  );
  assert.equal(counts['connectFailures refused'], 120);
});

test('an address that failed is not told if the name works by another one, before or after', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { failures, events, counts } = told();
  failures.note(failure({ reason: 'unreachable', dialed: '2001:db8::1', since: performance.now() }));
  failures.works(TARGET);
  t.mock.timers.tick(HOLD_MS);
  // The look-up of the one family takes longer than the connection to the other.
  const host = '192.0.2.1';
  failures.note(failure({ host, names: ['x.example.com'], reason: 'timeout', since: 0 }));
  t.mock.timers.tick(HOLD_MS);
  assert.equal(events.length, 0);
  assert.deepEqual(counts, {});
  failures.note(failure({ since: performance.now() + 1 }));
  failures.note(failure({ port: 80, since: 0 }));
  t.mock.timers.tick(HOLD_MS);
  assert.deepEqual(
    events.map(({ port }) => port),
    [443, 80],
  );
});

test('the look-ups of both families are one failure; a name without an address of one family is none', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { failures, events } = told();
  const lookUp = { port: null, dialed: null, reason: 'name_unknown' } as const;
  for (const host of ['gone.example.com', 'empty.example.com', 'one.example.com'])
    for (const family of host.startsWith('one') ? ([6] as const) : ([4, 6] as const))
      failures.note(failure({ ...lookUp, host, family, isHalf: !host.startsWith('gone') }));
  failures.flush();
  assert.deepEqual(
    events.map(({ host, count }) => [host, count]),
    [
      ['gone.example.com', 1],
      ['empty.example.com', 1],
    ],
  );
});

// proves: failures that wait to be told are bounded
test('a flood of failures is bounded in memory and in lines, and hostile names are one printable line', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { failures, events } = told();
  const many = 100 * LOGGED_NAMES;
  for (let name = 0; name < many; name += 1) failures.note(failure({ host: `n${name}.example.com` }));
  // No more wait than that: all others were told, or counted, before.
  assert.equal(events.length, LOGGED_NAMES);
  t.mock.timers.tick(HOLD_MS + LOG_WINDOW_MS);
  assert.equal(events.length, LOGGED_NAMES + 1);
  assert.equal(events.at(-1)?.count, many - LOGGED_NAMES);
  const hostile = failureMessage(
    'dns_timeout',
    { host: `\n\x1b[2J\u202e${'x'.repeat(9_000)}`, port: null },
    dnsServers(['192.0.2.53', '192.0.2.54']),
    10,
  );
  assert.doesNotMatch(hostile, /[\p{Cc}\p{Cf}]/u);
  assert.ok(hostile.length < 1_000);
  assert.match(hostile, /DNS server 192\.0\.2\.53 or 192\.0\.2\.54 gave no answer$/);
});
