import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBroker } from './start-broker.js';

/** What stands at 0 as soon as a plugin is configured, by the metric and its labels beside the plugin. */
const SERIES: Readonly<Record<string, readonly string[]>> = {
  sockets_passed_total: ['door="channel"', 'door="trap"'],
  traps_total: [
    ...['brokered', 'own', 'refused', 'error'].map((answer) => `call="connect",answer="${answer}"`),
    ...['bind', 'listen'].flatMap((call) =>
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
  for (const [metric, labels] of Object.entries(SERIES)) {
    const expected = labels.map((text) => `postern_${metric}{plugin="probe",${text}} 0`);
    assert.deepEqual((await shown(metric)).sort(), expected.sort());
  }
  broker.send({ type: 'forget', plugin: 'probe' });
  for (const metric of Object.keys(SERIES)) assert.deepEqual(await shown(metric), []);
});
