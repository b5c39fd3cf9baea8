import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ServerRequest } from '../../../sandbox/requester/messages.js';
import { EXPORT_NAME, Exporter, type ExportTarget } from '../../../sandbox/supervisor/export/exporter.js';
import type { ServerAnswer } from '../../../sandbox/supervisor/requester/requester.js';
import { EXPORT_SIGNALS, type ExportConfig } from '../../../shared/config/export-config.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';

const INTERVAL_MS = 10_000;
const CONFIG: ExportConfig = {
  ...{ otlp: 'https://otel.example.com/base/', headersFile: undefined, ca: undefined, addresses: [] },
  ...{ signals: EXPORT_SIGNALS, intervalMs: INTERVAL_MS, via: undefined },
};
const TAKEN: ServerAnswer = { kind: 'answer', status: 200, headers: {}, body: Buffer.from('{}') };
const status = (code: number, retryAfter?: string): ServerAnswer => ({
  ...{ kind: 'answer', status: code, body: Buffer.from('{"message":"Bearer secret"}') },
  headers: { 'retry-after': retryAfter },
});
const said = (text: string): ServerAnswer => ({ ...TAKEN, body: Buffer.from(text) }) as ServerAnswer;

interface Scene {
  readonly exporter: Exporter;
  readonly sent: ServerRequest[];
  readonly notices: string[];
  readonly counted: Record<string, number>;
  /** What the collector does from now on. */
  answer: (request: ServerRequest) => ServerAnswer | Promise<ServerAnswer>;
  readonly pass: (milliseconds: number) => Promise<void>;
  readonly target: (headers: ExportTarget['headers'], closed?: () => void) => ExportTarget;
}

function sceneOf(
  t: TestContext,
  signals: ExportConfig['signals'] = ['logs'],
  page: () => string = () => '',
): Scene {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let clock = 1000;
  const count = (name: string, times: number): void => {
    scene.counted[name] = (scene.counted[name] ?? 0) + times;
  };
  const target: Scene['target'] = (headers, closed = () => {}) => ({
    ...{ config: { ...CONFIG, signals }, headers },
    requester: {
      send: async (request) => {
        scene.sent.push(request);
        return scene.answer(request);
      },
      close: async () => closed(),
    },
  });
  const scene: Scene = {
    exporter: new Exporter(target({ authorization: 'Bearer secret' }), {
      ...{ name: '/etc/postern.yaml', page: async () => page(), now: () => clock },
      counts: {
        events: (result, times) => count(result, times),
        batch: (signal, isTaken) => count(`${signal} ${isTaken ? 'ok' : 'failed'}`, 1),
        isUp: (up) => {
          scene.counted['up'] = up ? 1 : 0;
        },
      },
      onNotice: (text) => scene.notices.push(text),
    }),
    ...{ sent: [], notices: [], counted: {}, answer: () => TAKEN, target },
    pass: async (milliseconds) => {
      clock += milliseconds;
      t.mock.timers.tick(milliseconds);
      for (let turns = 20; turns > 0; turns -= 1) await turn();
    },
  };
  return scene;
}

const event = (plugin = 'agent', message = 'x'): AuditEvent => ({
  ...{ event: 'limited', ts: '2026-01-02T03:04:05.678Z', plugin, limit: 'questions_per_second', message },
});

type Log = { readonly eventName: string; readonly body: { readonly stringValue: string } };
const logsIn = (request: ServerRequest | undefined): readonly Log[] =>
  JSON.parse(request?.body ?? '{}').resourceLogs[0].scopeLogs[0].logRecords;

test('events go out together after the interval, with the headers and below the path', async (t) => {
  const { exporter, sent, pass, counted } = sceneOf(t);
  exporter.take(event());
  exporter.take(event('other'));
  await pass(INTERVAL_MS - 1);
  assert.equal(sent.length, 0);
  await pass(1);
  const [request] = sent;
  assert.deepEqual([sent.length, request?.method, request?.path], [1, 'POST', '/base/v1/logs']);
  assert.deepEqual(request?.headers, {
    ...{ authorization: 'Bearer secret', 'content-type': 'application/json' },
  });
  assert.equal(logsIn(request).length, 2);
  assert.deepEqual({ ...counted }, { 'logs ok': 1, exported: 2, up: 1 });
});

test('a full batch goes out at once, and a large one in parts', async (t) => {
  const { exporter, sent, pass } = sceneOf(t);
  for (let left = 512; left > 0; left -= 1) exporter.take(event());
  await pass(0);
  assert.deepEqual(
    sent.map((one) => logsIn(one).length),
    [512],
  );
  for (let left = 3; left > 0; left -= 1) exporter.take(event('agent', 'x'.repeat(300_000)));
  await pass(INTERVAL_MS);
  assert.deepEqual(
    sent.slice(1).map((one) => logsIn(one).length),
    [1, 1, 1],
  );
});

// proves: export: its own connections make nothing to export
test('events of its own connections are not exported', async (t) => {
  const { exporter, sent, pass } = sceneOf(t);
  exporter.take(event(EXPORT_NAME));
  await pass(INTERVAL_MS * 3);
  assert.equal(sent.length, 0);
});

// proves: export: what waits for the collector is bounded
test('while nothing is taken, events wait up to a bound; past it a record and a count tell how many are missing', async (t) => {
  const scene = sceneOf(t);
  const { exporter, sent, pass, notices } = scene;
  const { counted } = scene;
  scene.answer = () => ({ kind: 'none', problem: 'ECONNREFUSED' });
  for (let left = 50; left > 0; left -= 1) exporter.take(event('agent', 'x'.repeat(100_000)));
  await pass(INTERVAL_MS);
  const kept = exporter.facts.waiting;
  assert.ok(kept > 35 && kept < 50, `${kept}`);
  assert.deepEqual({ ...counted }, { 'logs failed': 1, dropped: 50 - kept, up: 0 });
  assert.deepEqual(exporter.facts.problem, 'logs: ECONNREFUSED');
  scene.answer = () => TAKEN;
  await pass(2000);
  const all = sent.slice(1).flatMap(logsIn);
  const gap = all.find(({ eventName }) => eventName === 'postern.gap');
  assert.match(JSON.stringify(gap), new RegExp(`"postern.events","value":\\{"intValue":"${50 - kept}"\\}`));
  assert.deepEqual([all.length, counted['exported'], counted['up']], [kept + 1, kept, 1]);
  assert.deepEqual(notices, [
    'the export loses events: they come faster than the collector takes them, or it refuses them',
    'the export of logs fails: ECONNREFUSED',
    'the export of logs works again',
    `the export goes on; ${50 - kept} events are missing in it`,
  ]);
});

// proves: export: a collector does not stop it for good
test('it waits longer each time, as long as Retry-After says, and never for good', async (t) => {
  const scene = sceneOf(t);
  const { exporter, sent, pass, notices } = scene;
  scene.answer = () => status(503);
  exporter.take(event());
  await pass(INTERVAL_MS);
  // Each wait is up to a tenth longer.
  for (const [wait, requests] of [
    [900, 1],
    [200, 2],
    [1900, 2],
    [300, 3],
    [3900, 3],
    [500, 4],
  ] as const) {
    await pass(wait);
    assert.equal(sent.length, requests);
  }
  scene.answer = () => status(429, '100');
  await pass(9000);
  const before = sent.length;
  await pass(90_000);
  assert.equal(sent.length, before);
  await pass(11_000);
  assert.equal(sent.length, before + 1);
  scene.answer = () => status(503, '99999999');
  await pass(101_000);
  const last = sent.length;
  scene.answer = () => TAKEN;
  await pass(10 * 60_000);
  assert.equal(sent.length, last + 1);
  assert.deepEqual(notices, [
    'the export of logs fails: the collector answered with status 503',
    'the export of logs works again',
  ]);
});

test('a batch that is refused for good is left out, and told in its place', async (t) => {
  const scene = sceneOf(t);
  const { exporter, sent, pass, counted } = scene;
  scene.answer = () => status(400);
  exporter.take(event());
  exporter.take(event());
  await pass(INTERVAL_MS);
  scene.answer = () => TAKEN;
  exporter.take(event());
  await pass(INTERVAL_MS);
  assert.deepEqual(
    sent.map((one) => logsIn(one).map(({ eventName }) => eventName)),
    [
      ['postern.limited', 'postern.limited'],
      ['postern.gap', 'postern.limited'],
    ],
  );
  assert.deepEqual({ ...counted }, { ...{ 'logs failed': 1, 'logs ok': 1, dropped: 2, exported: 1, up: 1 } });
});

// proves: export: a record of missing events that is refused is sent again
test('while the collector refuses all, what is missing is kept, and told once when it takes something', async (t) => {
  const scene = sceneOf(t);
  const { exporter, sent, pass, counted, notices } = scene;
  scene.answer = () => status(400);
  exporter.take(event());
  exporter.take(event());
  await pass(INTERVAL_MS);
  await pass(INTERVAL_MS);
  exporter.take(event());
  await pass(INTERVAL_MS);
  const refused = sent.length;
  assert.ok(refused >= 3, `${refused} requests`);
  scene.answer = () => TAKEN;
  await pass(2 * INTERVAL_MS);
  const gaps = sent.slice(refused).flatMap(logsIn);
  assert.deepEqual(
    gaps.map(({ eventName }) => eventName),
    ['postern.gap'],
  );
  assert.match(JSON.stringify(gaps), /"postern.events","value":\{"intValue":"3"\}/);
  assert.equal(counted['dropped'], 3);
  assert.deepEqual(
    notices.filter((text) => text.includes('goes on')),
    ['the export goes on; 3 events are missing in it'],
  );
});

test('what the collector rejects of a batch is counted, and told once', async (t) => {
  const scene = sceneOf(t);
  const { exporter, pass, counted, notices } = scene;
  scene.answer = () => said('{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"Bearer secret"}}');
  for (let round = 2; round > 0; round -= 1) {
    for (let left = 3; left > 0; left -= 1) exporter.take(event());
    await pass(INTERVAL_MS);
  }
  assert.deepEqual({ ...counted }, { 'logs ok': 2, exported: 2, rejected: 4, up: 1 });
  assert.deepEqual(notices, ['the collector rejects 2 of the logs that it was sent']);
  scene.answer = () => said('{"partialSuccess":{"rejectedLogRecords":"99999"}}');
  exporter.take(event());
  await pass(INTERVAL_MS);
  assert.equal(counted['rejected'], 5);
});

// proves: export: an answer that is none of OTLP is no success
test('an answer that is none of OTLP is no success, and an empty one is', async (t) => {
  const scene = sceneOf(t);
  const { exporter, pass, counted } = scene;
  scene.answer = () => said('<html>Log in</html>');
  exporter.take(event());
  await pass(INTERVAL_MS);
  assert.deepEqual({ ...counted }, { 'logs failed': 1, up: 0 });
  for (const text of ['[]', '""', '{']) {
    scene.answer = () => said(text);
    await pass(70_000);
    assert.equal(counted['exported'], undefined, text);
  }
  scene.answer = () => said('');
  await pass(70_000);
  assert.equal(counted['exported'], 1);
});

const PAGE = '# HELP x_total X\n# TYPE x_total counter\nx_total 1\n';

test('metrics that cannot be read are a batch that failed, and the next ones go out', async (t) => {
  let isShort = true;
  const { exporter, sent, pass, counted, notices } = sceneOf(t, ['logs', 'metrics'], () => {
    if (isShort) throw new Error('EMFILE: no descriptor');
    return PAGE;
  });
  exporter.take(event());
  await pass(INTERVAL_MS);
  assert.deepEqual({ ...counted }, { 'metrics failed': 1, 'logs ok': 1, exported: 1, up: 0 });
  const problem = 'there is no page of metrics: EMFILE: no descriptor';
  assert.equal(exporter.facts.problem, `metrics: ${problem}`);
  assert.deepEqual(notices, [`the export of metrics fails: ${problem}`]);
  isShort = false;
  await pass(INTERVAL_MS);
  assert.deepEqual(
    sent.map(({ path }) => path),
    ['/base/v1/logs', '/base/v1/metrics'],
  );
  assert.deepEqual([counted['metrics ok'], counted['up'], exporter.facts.problem], [1, 1, null]);
});

test('metrics go out at each interval, are not sent again, and count apart', async (t) => {
  const scene = sceneOf(t, ['logs', 'metrics'], () => PAGE);
  const { exporter, sent, pass, counted } = scene;
  scene.answer = ({ path }) => (path.endsWith('/metrics') ? status(404) : TAKEN);
  await pass(INTERVAL_MS);
  assert.deepEqual({ ...counted }, { 'metrics failed': 1, up: 0 });
  exporter.take(event());
  await pass(INTERVAL_MS);
  assert.deepEqual(
    sent.map(({ path }) => path),
    ['/base/v1/metrics', '/base/v1/metrics', '/base/v1/logs'],
  );
  assert.deepEqual({ ...counted }, { 'metrics failed': 2, 'logs ok': 1, exported: 1, up: 0 });
  assert.equal(exporter.facts.problem, 'metrics: the collector answered with status 404');
});

test('another target gets what waits, and a request that its change ends is no failure', async (t) => {
  const scene = sceneOf(t);
  const { exporter, sent, pass, notices, counted } = scene;
  let end: (answer: ServerAnswer) => void = () => {};
  scene.answer = () =>
    new Promise((resolve) => {
      end = resolve;
    });
  const closed = (): void => end({ kind: 'none', problem: 'it is not made any more' });
  await exporter.retarget(scene.target({ authorization: 'Bearer former' }, closed));
  exporter.take(event());
  await pass(INTERVAL_MS);
  const other = exporter.retarget(scene.target({ authorization: 'Bearer other' }));
  scene.answer = () => TAKEN;
  await other;
  await pass(1);
  await pass(1);
  assert.deepEqual(
    sent.map(({ headers }) => headers['authorization']),
    ['Bearer former', 'Bearer other'],
  );
  assert.deepEqual([notices, counted['exported'], counted['logs failed']], [[], 1, undefined]);
});

test('at its end it sends what waits, and says what it could not send', async (t) => {
  const scene = sceneOf(t);
  scene.exporter.take(event());
  await scene.exporter.close(1000);
  assert.deepEqual([scene.counted['exported'], scene.notices], [1, []]);
});

test('its end does not wait for a collector that does not answer', async (t) => {
  const scene = sceneOf(t);
  scene.answer = () => new Promise(() => {});
  scene.exporter.take(event());
  const closing = scene.exporter.close(1000);
  await scene.pass(1000);
  await closing;
  assert.deepEqual(scene.notices, ['the export ends without its last events, 1 in number']);
  assert.equal(scene.counted['dropped'], 1);
});

test('events that a broker took along are a gap', async (t) => {
  const { exporter, sent, pass, counted } = sceneOf(t);
  exporter.lost(7, '2026-01-02T03:04:05.678Z');
  await pass(INTERVAL_MS);
  assert.deepEqual(
    logsIn(sent[0]).map(({ eventName }) => eventName),
    ['postern.gap'],
  );
  assert.equal(counted['dropped'], 7);
});
