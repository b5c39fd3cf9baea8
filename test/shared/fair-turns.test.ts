import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairTurns } from '../../shared/fair-turns.js';

test('FairTurns takes the owners by turns', () => {
  const turns = new FairTurns<string, string>();
  for (const [owner, item] of ['aa', 'ab', 'ac', 'ba', 'ca', 'cb'].map(
    (text) => [text[0] ?? '', text] as const,
  ))
    turns.add(owner, item);
  const taken = Array.from({ length: 7 }, () => turns.next());
  assert.deepEqual(taken, ['aa', 'ba', 'ca', 'ab', 'cb', 'ac', undefined]);
  turns.add('c', 'cc');
  turns.add('a', 'ad');
  turns.add('c', 'cd');
  assert.deepEqual([turns.next(), turns.next(), turns.next()], ['cc', 'ad', 'cd']);
});

test('FairTurns gives what belongs to no owner its turn, too', () => {
  const turns = new FairTurns<number | undefined, string>();
  turns.add(undefined, 'of nobody');
  turns.add(1, 'of one');
  turns.add(undefined, 'of nobody again');
  const taken = Array.from({ length: 4 }, () => turns.next());
  assert.deepEqual(taken.sort(), ['of nobody', 'of nobody again', 'of one', undefined]);
});
