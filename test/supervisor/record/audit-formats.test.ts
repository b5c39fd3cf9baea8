// Each event in each form, against what the published schemas say of the fields that it has: ocsf-schema.json and ecs-schema.json beside this file.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AUDIT_EXAMPLES, SUPERVISOR_EXAMPLES } from '../../../deploy/reference/audit-examples.js';
import { formatAudit } from '../../../sandbox/supervisor/record/audit-formats.js';
import type { AuditEvent, SupervisorEvent } from '../../../shared/protocol/audit-events.js';
import { DECISIONS, ENDED_BY, FAILURES, OUTCOMES } from '../../../shared/words.js';
import { TOP } from '../../docs/page.js';

interface Described {
  readonly at_least_one?: readonly string[];
  /** Type, `required`, `list`, and the numbers of an enumeration. */
  readonly attributes: Readonly<Record<string, string>>;
}

const schema = <T>(name: string): T =>
  JSON.parse(readFileSync(join(TOP, 'test/supervisor/record', name), 'utf8')) as T;
const { classes, objects } =
  schema<Record<'classes' | 'objects', Readonly<Record<string, Described>>>>('ocsf-schema.json');
const { fields: ecsFields } = schema<{ fields: Readonly<Record<string, string>> }>('ecs-schema.json');

type Json = Readonly<Record<string, unknown>>;
const { decision, closed, http, failed, question } = AUDIT_EXAMPLES;
const made: readonly (AuditEvent | SupervisorEvent)[] = [
  ...Object.values(AUDIT_EXAMPLES),
  ...Object.values(SUPERVISOR_EXAMPLES),
  ...DECISIONS.flatMap((word) => OUTCOMES.map((outcome) => ({ ...decision, decision: word, outcome }))),
  ...ENDED_BY.map((ended_by) => ({ ...closed, ended_by })),
  ...FAILURES.flatMap((reason) => [null, 443].map((port) => ({ ...failed, reason, port }))),
  ...['PATCH', 'BREW', ''].map((method) => ({ ...http, method, path: '' })),
  { ...decision, host: 'unix:/run/x.sock', port: 0, pid: null, program: null },
  { ...decision, host: 'api.example.com', dialed: '2001:db8::1', rule: 'api.example.com' },
  { ...closed, host: null, port: null, pid: null, sent_bytes: null, received_bytes: null },
  { ...question, name: null, type: null },
];

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  integer_t: Number.isInteger,
  long_t: Number.isInteger,
  port_t: Number.isInteger,
  timestamp_t: Number.isInteger,
  boolean_t: (value) => typeof value === 'boolean',
  // Any keys.
  object: (value) => typeof value === 'object',
};

function checkOcsf(where: string, { attributes, at_least_one: one }: Described, value: Json): void {
  for (const [name, words] of Object.entries(attributes))
    if (words.split(' ').includes('required')) assert.ok(name in value, `${where} lacks ${name}`);
  if (one !== undefined)
    assert.ok(
      one.some((name) => name in value),
      `${where} has none of ${one}`,
    );
  for (const [name, found] of Object.entries(value)) {
    const [type = '', ...words] = (attributes[name] ?? assert.fail(`${where} has no ${name}`)).split(' ');
    assert.equal(Array.isArray(found), words.includes('list'), `${where}.${name}`);
    const numbers = words.filter((word) => /^\d+$/.test(word));
    for (const item of Array.isArray(found) ? found : [found]) {
      const described = objects[type];
      if (described !== undefined) checkOcsf(`${where}.${name}`, described, item as Json);
      else
        assert.ok(
          (TYPES[type] ?? ((text: unknown) => typeof text === 'string'))(item),
          `${where}.${name}: ${JSON.stringify(item)} is no ${type}`,
        );
      // The base class lists no category and no class but its own.
      if (numbers.length > 0 && !['category_uid', 'class_uid'].includes(name))
        assert.ok(
          numbers.includes(String(item)),
          `${where}.${name}: ${String(item)} is none of ${numbers.join()}`,
        );
    }
  }
}

test('each event is of a class of OCSF, with the attributes and numbers that the schema has', () => {
  const used = new Set<string>();
  for (const event of made) {
    const line = formatAudit('ocsf', event) as Json;
    const described = classes[String(line['class_uid'])] ?? assert.fail(`${event.event}: no class`);
    used.add(String(line['class_uid']));
    checkOcsf(event.event, described, line);
    assert.equal(line['category_uid'], Math.floor(Number(line['class_uid']) / 1000));
    assert.equal(line['type_uid'], Number(line['class_uid']) * 100 + Number(line['activity_id']));
    assert.equal(line['time'], Date.parse(event.ts));
    assert.deepEqual(line['unmapped'], event);
  }
  assert.deepEqual([...used].sort(), Object.keys(classes).sort());
});

/** The fields of a line, with dots. Lists stay. */
function flat(value: Json, before = ''): readonly (readonly [string, unknown])[] {
  return Object.entries(value).flatMap(([name, one]) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? flat(one as Json, `${before}${name}.`)
      : [[`${before}${name}`, one] as const],
  );
}

test('each event has only fields of ECS, with the types and words that the schema has, and all of its own', () => {
  for (const event of made) {
    const { postern, ...line } = formatAudit('ecs', event) as Json;
    assert.deepEqual(postern, event);
    for (const name of ['@timestamp', 'ecs.version', 'event.kind', 'event.category', 'event.type'])
      assert.ok(
        flat(line).some(([field]) => field === name),
        `${event.event} lacks ${name}`,
      );
    for (const [name, found] of flat(line)) {
      const [type = '', ...words] = (
        ecsFields[name] ?? assert.fail(`${event.event}: ECS has no ${name}`)
      ).split(' ');
      const isList = words[0] === 'list';
      assert.equal(Array.isArray(found), isList, name);
      const permitted = isList ? words.slice(1) : words;
      for (const item of Array.isArray(found) ? found : [found]) {
        assert.equal(Number.isInteger(item), type === 'long', `${name}: ${String(item)} is no ${type}`);
        if (permitted.length > 0) assert.ok(permitted.includes(String(item)), `${name}: ${String(item)}`);
      }
    }
  }
});

test('a decision says who asked for what, and what became of it', () => {
  const { unmapped, metadata, ...ocsf } = formatAudit('ocsf', decision) as Json;
  assert.deepEqual(unmapped, decision);
  assert.equal((metadata as Json)['event_code'], 'decision');
  assert.deepEqual(ocsf, {
    ...{ class_uid: 4001, category_uid: 4, activity_id: 5, type_uid: 400_105, severity_id: 2, status_id: 2 },
    ...{ time: Date.parse(decision.ts), status_code: 'port_not_allowed', message: decision.message },
    ...{ action_id: 2, disposition_id: 2, policy: { uid: decision.policy_hash } },
    actor: { app_name: 'reports', process: { pid: 48_112, name: 'curl' } },
    src_endpoint: { name: 'reports' },
    dst_endpoint: { hostname: 'api.example.com', ip: '192.0.2.10', port: 8443 },
    connection_info: { direction_id: 2, protocol_name: 'tcp', protocol_num: 6 },
  });
  const ecs = new Map(flat(formatAudit('ecs', decision) as Json));
  assert.deepEqual(
    [
      'event.type',
      'event.outcome',
      'event.reason',
      'destination.domain',
      'destination.ip',
      'service.name',
    ].map((name) => ecs.get(name)),
    [['connection', 'denied'], 'failure', 'port_not_allowed', 'api.example.com', '192.0.2.10', 'reports'],
  );
});
