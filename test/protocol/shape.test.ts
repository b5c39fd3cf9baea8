import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  count,
  fields,
  list,
  NONE,
  number,
  orMissing,
  orNull,
  parsed,
  text,
  word,
  yesOrNo,
} from '../../shared/protocol/shape.js';

// proves: link: a number is finite
test('a shape reads a value of its form, and no other', () => {
  const cases: readonly (readonly [(value: unknown) => unknown, readonly unknown[], readonly unknown[]])[] = [
    [number, [0, -1.5], ['1', null, undefined, Number.POSITIVE_INFINITY, Number.NaN]],
    [count(3), [0, 3], [4, -1, 1.5, '1', Number.MAX_VALUE]],
    [yesOrNo, [true, false], [0, 'true', null]],
    [text(2), ['', 'ab'], ['abc', 1, null]],
    [word(['a', 'b']), ['a', 'b'], ['c', '', null]],
    [orNull(number), [null, 1], [undefined, 'null']],
    [list(number, 2), [[], [1, 2]], [[1, 2, 3], [1, '2'], {}, 'ab']],
  ];
  for (const [shape, good, bad] of cases) {
    for (const value of good) assert.deepEqual(shape(value), value);
    for (const value of bad) assert.equal(shape(value), NONE, JSON.stringify(value));
  }
  assert.equal(orMissing(number)('1'), undefined);
});

test('an object is read with the fields of its shape, and no others', () => {
  const shape = fields<{ readonly a: number; readonly b: string | null }>({ a: number, b: orNull(text()) });
  assert.deepEqual(shape({ a: 1, b: null, c: 2, __proto__: { d: 3 } }), { a: 1, b: null });
  for (const value of [null, [], 'a', { a: 1 }, { a: '1', b: null }]) assert.equal(shape(value), NONE);
  assert.deepEqual(parsed('{"a":1,"b":"x"}', shape), { a: 1, b: 'x' });
  assert.equal(parsed('{', shape), NONE);
  // A name of every object's is no field that was given.
  assert.equal(fields<{ readonly toString: string }>({ toString: text() })({}), NONE);
});
