// The wall clock may jump. It gives dates; durations are measured with performance.now().
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../..', import.meta.url));
/**
 * Lines in which a date is meant: of an audit event that is made a little later, of --since, of certificates, of a question and as an operator sees it, of an event in
 * the forms of others or in a report, of metrics that are exported, of what Retry-After names, and four gauges that are dates.
 */
const DATED = [
  'broker/request/account.ts: const at = new Date();',
  'sandbox/cli/control/control-command.ts: ).argParser((text: string) => readSince(text, Date.now()));',
  'sandbox/cli/control/control-command.ts: const time = inUtc === undefined ? now - ago : Date.parse(inUtc);',
  'sandbox/cli/control/control-command.ts: return new Date(Math.max(0, time)).toISOString();',
  'sandbox/gateway/certificates.ts: time(new Date(now.getTime() + VALID_DAYS * 24 * 3600 * 1000)),',
  'sandbox/gateway/certificates.ts: time(new Date(now.getTime() - BACKDATED_MS)),',
  'sandbox/page/summarize.ts: const at = Date.parse(ts);',
  'sandbox/supervisor/gateway/plugin-gateway.ts: new Date(),',
  'sandbox/supervisor/approval/asks.ts: const since = Date.now();',
  'sandbox/supervisor/control/methods.ts: const dateOf = (time: number): string => new Date(time).toISOString();',
  'sandbox/supervisor/export/exporter.ts: const wait = /^\\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - now;',
  'sandbox/supervisor/export/exporter.ts: for await (const { body, points } of metricsBodies(this.#resource, page, this.#startedMs, Date.now()))',
  'sandbox/supervisor/export/exporter.ts: readonly #startedMs = Date.now();',
  "sandbox/supervisor/export/exporter.ts: return { kind: 'later', problem, waitMs: waitOf(headers['retry-after'], Date.now()) };",
  'sandbox/supervisor/record/audit-formats.ts: // protects: G25 export: a record has a time, whatever the broker wrote => const milliseconds = Date.parse(fields.ts);',
  'sandbox/supervisor/record/audit-formats.ts: const milliseconds = Date.parse(fields.ts) || Date.now();',
  'sandbox/supervisor/record/audit-formats.ts: const time = Date.parse(fields.ts);',
  "sandbox/supervisor/record/records.ts: if (isTaken) this.#metrics.set('exportSuccess', { signal }, Date.now() / 1000);",
  "sandbox/supervisor/record/records.ts: if (good) this.#metrics.set('lastSuccess', {}, Date.now() / 1000);",
  "sandbox/supervisor/record/records.ts: if (result === 'new' || result === 'same') this.#metrics.set('policyChecked', {}, Date.now() / 1000);",
  "sandbox/supervisor/record/records.ts: metrics?.set('startTime', {}, Date.now() / 1000);",
];
/** The clock, called or passed on, and dates of it that are not only shown. */
const CLOCK = /\bDate\.now\b|\bnew Date\((?!\)\.toISOString\(\))|(?<!new )\bDate\(|\btimeOrigin\b/;
/** A number out of a date. */
const PARSED = /\bDate\.(?:parse|UTC)\b|\.(?:getTime|valueOf)\(\)/;

test('no duration is measured with the wall clock', () => {
  const files = ['broker', 'deploy', 'sandbox', 'shared'].flatMap((room) =>
    readdirSync(join(top, room), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => join(room, path)),
  );
  assert.ok(files.length > 300, `only ${files.length} files were found`);
  const using = files.flatMap((file) =>
    readFileSync(join(top, file), 'utf8')
      .split('\n')
      .filter((line) => CLOCK.test(line) || PARSED.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
  assert.deepEqual(using.sort(), [...DATED].sort());
});

test('the clock is found in each of its forms', () => {
  for (const line of [
    'const began = Date.now();',
    'constructor(now = Date.now) {',
    'return new Date(0);',
    'const at = +new Date();',
    'return Date();',
    'performance.timeOrigin + performance.now()',
  ])
    assert.match(line, CLOCK);
  for (const line of ['new Date().toISOString()', 'performance.now()', 'readonly at: Date;', 'toDate(x)'])
    assert.doesNotMatch(line, CLOCK);
  for (const line of ['Date.parse(text) - 5', 'at.getTime()']) assert.match(line, PARSED);
});
