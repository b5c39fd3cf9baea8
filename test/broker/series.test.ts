import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRICS } from '../../broker/record/broker-metrics.js';
import { LIMIT_WORDS } from '../../shared/config/limit-forms.js';
import type { MetricForm } from '../../shared/metrics/metric-form.js';
import { TRAP_CALLS } from '../../shared/trap-calls.js';
import { END_CAUSES, FAILURES, OUTCOMES, PROTOCOL_ERRORS, REASONS } from '../../shared/words.js';
import { startBroker } from './start-broker.js';

/** The supervisor reports these where it has a control group. */
const CGROUP_LIMITS: readonly string[] = ['memory', 'processes', 'cpu'];

/** The series that stand at 0 once a plugin is configured, by metric, with the labels besides the plugin's. */
const SERIES: Readonly<Record<string, readonly string[]>> = {
  decisions_total: [
    ...['rule', 'approved'].map((reason) => `decision="allow",reason="${reason}"`),
    ...['no_rule', 'port_not_allowed'].map((reason) => `decision="would_deny",reason="${reason}"`),
    ...REASONS.filter((reason) => reason !== 'rule' && reason !== 'approved').map(
      (reason) => `decision="deny",reason="${reason}"`,
    ),
  ],
  limit_rejections_total: LIMIT_WORDS.filter((limit) => !CGROUP_LIMITS.includes(limit)).map(
    (limit) => `limit="${limit}"`,
  ),
  asks_total: ['allowed', 'denied', 'timeout'].map((answer) => `answer="${answer}"`),
  connects_total: OUTCOMES.map((outcome) => `outcome="${outcome}"`),
  connect_failures_total: FAILURES.map((reason) => `reason="${reason}"`),
  connections_ended_total: END_CAUSES.map((cause) => `cause="${cause}"`),
  protocol_errors_total: PROTOCOL_ERRORS.map((kind) => `kind="${kind}"`),
  policy_rules: ['list="allow"', 'list="deny"'],
  sockets_passed_total: ['door="channel"', 'door="trap"'],
  traps_total: [
    ...['brokered', 'own', 'refused', 'error'].map((answer) => `call="connect",answer="${answer}"`),
    ...TRAP_CALLS.filter((call) => call !== 'connect').flatMap((call) =>
      ['own', 'refused', 'error'].map((answer) => `call="${call}",answer="${answer}"`),
    ),
  ],
  dns_questions_total: ['granted', 'refused', 'error'].map((answer) => `answer="${answer}"`),
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
