import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUDIT_EXAMPLES } from '../../deploy/reference/audit-examples.js';
import { AUDIT_EVENTS, AUDIT_FIELDS, readAuditEvent } from '../../shared/protocol/audit-events.js';

const examples = Object.values(AUDIT_EXAMPLES);

test('readAuditEvent() reads each event of the table', () => {
  assert.deepEqual(Object.keys(AUDIT_EXAMPLES), Object.keys(AUDIT_EVENTS));
  for (const event of examples) assert.equal(readAuditEvent(event), event, event.event);
});

test('readAuditEvent() refuses an event without one of its fields, unless the field is optional', () => {
  for (const event of examples) {
    const optional: readonly string[] = AUDIT_EVENTS[event.event].optional;
    for (const name of Object.keys(event)) {
      const changed = { ...event, [name]: undefined };
      assert.equal(readAuditEvent(changed) !== undefined, optional.includes(name), `${event.event} ${name}`);
    }
  }
});

test('readAuditEvent() refuses null, except in a nullable field', () => {
  for (const event of examples) {
    const nullable: readonly string[] = AUDIT_EVENTS[event.event].nullable;
    for (const name of Object.keys(event)) {
      const changed = { ...event, [name]: null };
      assert.equal(readAuditEvent(changed) !== undefined, nullable.includes(name), `${event.event} ${name}`);
    }
  }
});

test('readAuditEvent() refuses a value of another type in each field', () => {
  for (const event of examples) {
    for (const name of Object.keys(event)) {
      const others = [{}, [1], Symbol('no'), Number.NaN, Number.POSITIVE_INFINITY];
      const type = name in AUDIT_FIELDS ? AUDIT_FIELDS[name as keyof typeof AUDIT_FIELDS].type : 'string';
      for (const value of [...others, ...(type === 'string' ? [5, true, ['a']] : ['no such word'])])
        assert.equal(readAuditEvent({ ...event, [name]: value }), undefined, `${event.event} ${name}`);
    }
  }
});

test('readAuditEvent() refuses a field and an event that the table does not have', () => {
  for (const event of examples) {
    for (const name of ['ruled', 'constructor', 'toString'])
      assert.equal(readAuditEvent({ ...event, [name]: 'a' }), undefined);
    assert.equal(readAuditEvent(JSON.parse(`{"__proto__":{},${JSON.stringify(event).slice(1)}`)), undefined);
    for (const name of ['constructor', 'other', 5])
      assert.equal(readAuditEvent({ ...event, event: name }), undefined);
  }
  for (const value of [undefined, null, 5, 'decision', [], {}])
    assert.equal(readAuditEvent(value), undefined);
});
