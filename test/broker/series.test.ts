import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRICS } from '../../broker/record/broker-metrics.js';
import type { MetricForm } from '../../shared/metrics/metric-form.js';
import { everySeries } from '../../shared/metrics/metric-set.js';
import { TRAP_CALLS } from '../../shared/trap-calls.js';
import { ADDRESS_CLASSES, FAILURES, OUTCOMES, PROTOCOL_ERRORS } from '../../shared/words.js';
import { startBroker } from './start-broker.js';

/** The series that stand at 0 once a plugin is configured, by metric, with the labels besides the plugin's. */
const SERIES: Readonly<Record<string, readonly string[]>> = {
  decisions_total: [
    'decision="allow",reason="rule"',
    ...['no_rule', 'port_not_allowed', 'address_special', 'dns_error', 'malformed_host', 'invalid_port'].map(
      (reason) => `decision="deny",reason="${reason}"`,
    ),
    ...['rate_limited', 'concurrency_limited'].map((reason) => `decision="deny",reason="${reason}"`),
  ],
  limit_rejections_total: ['queue', 'log_rate', 'broker_descriptors'].map((limit) => `limit="${limit}"`),
  asks_total: [],
  limit_used_ratio: ['limit="queue"'],
  connects_total: OUTCOMES.map((outcome) => `outcome="${outcome}"`),
  connect_failures_total: FAILURES.map((reason) => `reason="${reason}"`),
  connections_ended_total: ['cause="revoked"'],
  protocol_errors_total: [],
  policy_rules: ['list="allow"', 'list="deny"'],
  sockets_passed_total: [],
  traps_total: [],
  dns_questions_total: [],
  slow_touches_total: ['waited', 'demoted', 'killed'].map((action) => `action="${action}"`),
};

test('each series of a plugin that can occur stands at 0 from its configuration on, and no other', async (t) => {
  const broker = await startBroker();
  t.after(() => broker.stop());
  const shown = async (metric: string): Promise<string[]> =>
    (await broker.metrics()).split('\n').filter((line) => line.startsWith(`postern_${metric}{`));
  await broker.plugin('probe');
  const labelled = Object.values<MetricForm>(METRICS)
    .filter(({ labels }) => 'plugin' in labels && Object.keys(labels).length > 1)
    .map(({ name }) => name.replace(/^postern_/, ''));
  assert.deepEqual(labelled.sort(), Object.keys(SERIES).sort(), 'give each metric its labels in SERIES');
  for (const [metric, labels] of Object.entries(SERIES)) {
    const expected = labels.map((text) => `postern_${metric}{plugin="probe",${text}} 0`);
    assert.deepEqual((await shown(metric)).sort(), expected.sort());
  }
  broker.send({ type: 'limited', plugin: 'probe', limit: 'memory', times: 2 });
  assert.match(await broker.metrics(), /^postern_limit_rejections_total{plugin="probe",limit="memory"} 2$/m);
  broker.send({ type: 'forget', plugin: 'probe' });
  assert.doesNotMatch(await broker.metrics(), /probe/);
});

test('series appear with the feature of their plugin, at 0, and another plugin has none of them', async (t) => {
  const broker = await startBroker();
  t.after(() => broker.stop());
  await broker.plugin('plain');
  await broker.plugin('probe', {
    mode: 'audit',
    unknown: 'ask',
    deny: ['example.com'],
    limits: { connections: 5, sentMib: 1, connectionSeconds: 9, queuedRequests: 0 },
  });
  (await broker.channel('probe')).close();
  const page = (await broker.metrics()).split('\n');
  const featured = [
    ...['no_rule', 'port_not_allowed'].map((reason) => `decisions_total would_deny ${reason}`),
    ...['denied_by_rule', 'address_denied', 'quota_exceeded'].map(
      (reason) => `decisions_total deny ${reason}`,
    ),
    'decisions_total allow approved',
    ...['connections', 'sent', 'received', 'concurrency', 'rate', 'asks'].map(
      (limit) => `limit_rejections_total ${limit}`,
    ),
    ...['allowed', 'denied', 'timeout'].map((answer) => `asks_total ${answer}`),
    ...['quota', 'age'].map((cause) => `connections_ended_total ${cause}`),
    ...PROTOCOL_ERRORS.map((kind) => `protocol_errors_total ${kind}`),
    'sockets_passed_total channel',
    ...['connections', 'sent'].map((limit) => `limit_used_ratio ${limit}`),
  ];
  const seriesOf = (plugin: string): string[] =>
    page.flatMap((line) => {
      const [, metric, labels = ''] =
        new RegExp(`^postern_(\\w+)\\{plugin="${plugin}",(.*)\\} 0$`).exec(line) ?? [];
      return metric === undefined
        ? []
        : [[metric, ...[...labels.matchAll(/="(\w+)"/g)].map(([, word]) => word)].join(' ')];
    });
  const plain = new Set(seriesOf('plain'));
  const more = seriesOf('probe').filter((series) => !plain.has(series));
  assert.deepEqual(more.sort(), featured.sort());
});

/** The words of which no series appears before something is counted, and why. */
const ONCE_COUNTED: readonly string[] = [
  // No plugin with rules gets this answer.
  'decisions_total reason policy_unavailable',
  // With a control group, the supervisor reports them.
  ...['processes', 'memory', 'cpu'].map((word) => `limit_rejections_total limit ${word}`),
  // Of limits that a plugin has, with the first page.
  ...['connections', 'queue', 'sent', 'received'].map((word) => `limit_used_ratio limit ${word}`),
  // An operator does it by hand, and seldom.
  'connections_ended_total cause operator',
  // Few programs make these calls, and few names have such addresses.
  ...TRAP_CALLS.filter((call) => !['connect', 'bind', 'listen'].includes(call)).map(
    (call) => `traps_total call ${call}`,
  ),
  ...ADDRESS_CLASSES.map((word) => `dns_addresses_dropped_total class ${word}`),
  // Histograms: connects_total has the zeros of these words.
  ...OUTCOMES.filter((word) => word !== 'connected').map(
    (word) => `connect_duration_seconds outcome ${word}`,
  ),
];

test("every word of METRICS' labels has a series that appears with some feature, unless it is listed here", () => {
  const without = Object.values<MetricForm>(METRICS).flatMap((form) => {
    const starting = everySeries(form).filter((series) => form.startsAtZero?.(series) ?? true);
    return Object.entries(form.labels).flatMap(([label, words]) =>
      label === 'plugin' || 'any' in words
        ? []
        : words
            .filter((word) => !starting.some((series) => series[label] === word))
            .map((word) => `${form.name.replace(/^postern_/, '')} ${label} ${word}`),
    );
  });
  assert.deepEqual(without.sort(), [...ONCE_COUNTED].sort());
});
