// The requests of OTLP as the official protobuf definitions read them: a field that these do not know is an error.
// needs: python3-opentelemetry-proto
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Metrics } from '../../../broker/record/metrics.js';
import { AUDIT_EXAMPLES, SUPERVISOR_EXAMPLES } from '../../../deploy/reference/audit-examples.js';
import { logsBody, metricsBodies, resourceOf } from '../../../sandbox/supervisor/export/otlp.js';
import { otlpRecord } from '../../../sandbox/supervisor/record/audit-formats.js';
import { VERSION } from '../../../shared/bundles.js';

const READER = fileURLToPath(new URL('./read_otlp.py', import.meta.url));
const RESOURCE = resourceOf('/etc/postern.yaml');
const MINUTE_MS = Date.parse('2026-01-02T03:04:00Z');

/** What a collector has read. */
interface Read {
  readonly resourceLogs: readonly [
    { readonly resource: Attributed; readonly scopeLogs: readonly [{ readonly logRecords: readonly Log[] }] },
  ];
  readonly resourceMetrics: readonly [
    {
      readonly resource: Attributed;
      readonly scopeMetrics: readonly [{ readonly metrics: readonly Metric[] }];
    },
  ];
}
interface Attributed {
  readonly attributes?: readonly {
    readonly key: string;
    readonly value: Readonly<Record<string, unknown>>;
  }[];
}
interface Log extends Attributed {
  readonly timeUnixNano: string;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: { readonly stringValue: string };
}
interface Metric {
  readonly name: string;
  readonly gauge?: { readonly dataPoints: readonly Point[] };
  readonly sum?: { readonly dataPoints: readonly Point[]; readonly isMonotonic: boolean };
  readonly histogram?: { readonly dataPoints: readonly Point[] };
}
interface Point extends Attributed {
  readonly asDouble?: number;
  readonly count?: string;
  readonly sum?: number;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
}

function readOtlp(signal: 'logs' | 'metrics', ...bodies: readonly string[]): readonly Read[] {
  const { stdout, stderr, status } = spawnSync('/usr/bin/python3', [READER, signal], {
    input: bodies.map((body) => `${body}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.equal(status, 0, stderr);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Read);
}

const valuesOf = ({ attributes = [] }: Attributed): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

const EVENTS = [...Object.values(AUDIT_EXAMPLES), ...Object.values(SUPERVISOR_EXAMPLES)];

test('each audit event is a log record, with its time, its severity and each of its fields', () => {
  const body = logsBody(
    RESOURCE,
    EVENTS.map((event) => JSON.stringify(otlpRecord(event))),
  );
  const [read] = readOtlp('logs', body);
  const [{ resource, scopeLogs }] = read?.resourceLogs ?? assert.fail();
  assert.deepEqual(valuesOf(resource), {
    ...{ 'service.name': 'postern', 'service.version': VERSION, 'host.name': hostname() },
    'service.instance.id': `${hostname()}:/etc/postern.yaml`,
  });
  const { logRecords } = scopeLogs[0];
  assert.equal(logRecords.length, EVENTS.length);
  for (const [index, event] of EVENTS.entries()) {
    const log = logRecords[index] ?? assert.fail();
    assert.equal(log.eventName, `postern.${event.event}`);
    assert.equal(BigInt(log.timeUnixNano), BigInt(Date.parse(event.ts)) * 1_000_000n);
    assert.ok(log.body.stringValue.length > 0);
    const { ts, ...rest } = event;
    const fields = Object.entries(rest).filter(([name, value]) => value !== null && name !== 'message');
    // Some have a protocol too.
    assert.ok(log.attributes !== undefined && log.attributes.length >= fields.length, event.event);
  }
  const severities = Object.fromEntries(logRecords.map((log) => [log.eventName, log.severityText]));
  assert.deepEqual(
    ['decision', 'closed', 'gap', 'limited'].map((name) => severities[`postern.${name}`]),
    ['WARN', 'INFO', 'ERROR', 'WARN'],
  );
});

test('what the semantic conventions name has that name, and the rest is postern', () => {
  const { decision, http, question } = AUDIT_EXAMPLES;
  const { message: _, ...unsaid } = decision;
  const events = [
    { ...decision, host: 'api.example.com', port: 443, pid: 7, program: 'curl', connect_ms: 2 },
    { ...unsaid, host: 'unix:/run/x.sock', port: 0 },
    { ...http, method: 'GET', path: '/x', status: 200, sent_bytes: 1, received_bytes: 2 },
    { ...question, name: 'db.example.com' },
  ];
  const [read] = readOtlp(
    'logs',
    logsBody(
      RESOURCE,
      events.map((one) => JSON.stringify(otlpRecord(one))),
    ),
  );
  const [connect, unix, request, name] = read?.resourceLogs[0].scopeLogs[0].logRecords ?? assert.fail();
  const partOf = (log: Log | undefined, ...keys: readonly string[]): readonly unknown[] =>
    keys.map((key) => valuesOf(log ?? assert.fail())[key]);
  assert.deepEqual(
    partOf(
      connect,
      'destination.address',
      'destination.port',
      'network.transport',
      'process.pid',
      'postern.connect_ms',
    ),
    ['api.example.com', '443', 'tcp', '7', 2],
  );
  assert.deepEqual(partOf(connect, 'process.executable.name', 'postern.plugin'), ['curl', decision.plugin]);
  assert.deepEqual(partOf(unix, 'destination.address', 'network.transport'), ['unix:/run/x.sock', 'unix']);
  assert.match(unix?.body.stringValue ?? '', /^decision \w+ \S+ unix:\/run\/x\.sock$/);
  assert.deepEqual(
    partOf(request, 'server.address', 'http.request.method', 'url.path', 'http.response.status_code'),
    [http.host, 'GET', '/x', '200'],
  );
  assert.deepEqual(partOf(request, 'http.request.body.size', 'http.response.body.size'), ['1', '2']);
  assert.deepEqual(partOf(name, 'dns.question.name'), ['db.example.com']);
});

// proves: export: a record has a time, whatever the broker wrote
// proves: export: a text that is no Unicode spoils no batch
test('a time and a text of a broker that was taken over make no request that is refused', () => {
  const hostile = {
    ...AUDIT_EXAMPLES.limited,
    ts: 'never',
    plugin: 'x"}],\u0000\u2028\ud800',
    message: '\ud800',
  };
  const [read] = readOtlp('logs', logsBody(RESOURCE, [JSON.stringify(otlpRecord(hostile))]));
  const [log] = read?.resourceLogs[0].scopeLogs[0].logRecords ?? [];
  assert.ok(BigInt(log?.timeUnixNano ?? '0') > BigInt(MINUTE_MS) * 1_000_000n);
});

async function bodiesOf(page: string): Promise<readonly string[]> {
  const bodies: string[] = [];
  for await (const { body } of metricsBodies(RESOURCE, page, MINUTE_MS, MINUTE_MS + 60_000))
    bodies.push(body);
  return bodies;
}

test('a page of metrics is the same in OTLP: counters, gauges and histograms', async () => {
  const metrics = new Metrics();
  const plugin = metrics.ofPlugin('agent');
  plugin.count('decisions', { decision: 'deny', reason: 'no_rule' }, 3);
  for (const seconds of [0.0001, 0.02, 0.02, 100]) metrics.observe('dnsDuration', {}, seconds);
  const page = await metrics.text();
  const [read] = readOtlp('metrics', ...(await bodiesOf(page)));
  const [{ resource, scopeMetrics }] = read?.resourceMetrics ?? assert.fail();
  assert.equal(valuesOf(resource)['service.name'], 'postern');
  const all = new Map(scopeMetrics[0].metrics.map((one) => [one.name, one]));
  const denials = all.get('postern_decisions_total')?.sum;
  assert.equal(denials?.isMonotonic, true);
  const denied = denials.dataPoints.find((one) => valuesOf(one)['reason'] === 'no_rule');
  assert.deepEqual([denied?.asDouble, valuesOf(denied ?? {})['plugin']], [3, 'agent']);
  const [duration] = all.get('postern_dns_lookup_duration_seconds')?.histogram?.dataPoints ?? [];
  assert.equal(duration?.count, '4');
  assert.equal(duration.bucketCounts?.length, (duration.explicitBounds?.length ?? 0) + 1);
  assert.equal(
    duration.bucketCounts?.reduce((sum, one) => sum + Number(one), 0),
    4,
  );
  assert.equal(duration.bucketCounts?.at(-1), '1');
  assert.ok(Math.abs((duration.sum ?? 0) - 100.0401) < 1e-9);
  // Each series of the page is a point.
  const lines = page
    .split('\n')
    .filter((line) => /^postern/.test(line) && !/_(?:bucket|sum|count)[{ ]/.test(line));
  const points = [...all.values()].flatMap(({ gauge, sum }) => (gauge ?? sum)?.dataPoints ?? []);
  assert.equal(points.length, lines.length);
});

test('a long page is many requests, and what is no series of its metric is left out', async () => {
  const series = Array.from({ length: 2500 }, (_, at) => `x_total{plugin="p${at}"} ${at}\n`).join('');
  const page = `# TYPE x_total counter\n${series}y_total 1\nx_total{plugin="a\\"b\\\\c\\n"} 7\nx_total{plugin="z"} NaN\nx_total} 1\n\n# TYPE g gauge\ng 1e999\ng 2\n`;
  const all = readOtlp('metrics', ...(await bodiesOf(page)));
  const metrics = all.flatMap(({ resourceMetrics }) => resourceMetrics[0].scopeMetrics[0].metrics);
  assert.deepEqual(
    [all.length, metrics.map(({ name }) => name)],
    [3, ['x_total', 'x_total', 'x_total', 'g']],
  );
  const points = metrics.flatMap(({ sum }) => sum?.dataPoints ?? []);
  assert.equal(points.length, 2501);
  assert.equal(valuesOf(points.at(-1) ?? {})['plugin'], 'a"b\\c\n');
  assert.deepEqual(
    metrics.at(-1)?.gauge?.dataPoints.map(({ asDouble }) => asDouble),
    [2],
  );
});
