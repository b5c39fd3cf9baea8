import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configJsonSchema } from '../../shared/config/json-schema.js';
import { LIMIT_FORMS, LIMIT_WORDS, type LimitForm, limitsOf } from '../../shared/config/limit-forms.js';

test('every default lies in the range of its limit', () => {
  for (const [name, form] of Object.entries<LimitForm>(LIMIT_FORMS)) {
    assert.ok(form.min <= form.max, name);
    if (form.default === undefined) continue;
    assert.ok(form.default >= form.min && form.default <= form.max, name);
  }
});

test('each word of the metric limit_rejections_total belongs to one limit', () => {
  assert.deepEqual([...new Set(LIMIT_WORDS)], LIMIT_WORDS);
});

test('a word of that metric which is the name of a limit is about that limit', () => {
  const words: readonly string[] = LIMIT_WORDS;
  for (const [name, form] of Object.entries<LimitForm>(LIMIT_FORMS))
    if (words.includes(name)) assert.equal(form.metric?.word, name);
});

test('limitsOf() takes what is written and fills in the defaults', () => {
  const limits = limitsOf({ memory_mib: 512, queued_requests: 0, connections: undefined });
  assert.equal(limits.memoryMib, 512);
  assert.equal(limits.queuedRequests, 0);
  assert.equal(limits.connections, undefined);
  assert.equal(limits.requestsPerSecond, LIMIT_FORMS.requests_per_second.default);
  assert.equal(limits.totalMemoryMib, undefined);
});

test('every key of the schema says what it means', () => {
  const silent: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return;
    const {
      properties = {},
      additionalProperties,
      items,
    } = node as {
      readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
      readonly additionalProperties?: unknown;
      readonly items?: unknown;
    };
    for (const [key, value] of Object.entries(properties)) {
      if (!value.description?.endsWith('.')) silent.push(`${path}.${key}`);
      visit(value, `${path}.${key}`);
    }
    visit(additionalProperties, `${path}.*`);
    visit(items, `${path}[]`);
  };
  visit(configJsonSchema(), '');
  assert.deepEqual(silent, []);
});
