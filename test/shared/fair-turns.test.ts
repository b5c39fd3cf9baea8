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
