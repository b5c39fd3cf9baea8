// proves: G11
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlamePlugin } from '../../../sandbox/supervisor/broker/blame.js';
import { BLAMED_DEATHS, UNBLAMED_LIFE_MS } from '../../../shared/limits.js';

/** @param deaths the suspects of each death, and how long the broker lived */
function blamed(
  deaths: readonly (readonly [suspects: string, lived?: number])[],
): readonly (string | undefined)[] {
  const blame = new BlamePlugin();
  return deaths.map(([suspects, lived = 300]) =>
    blame.note({ lived, suspects: new Set(suspects.split('').filter(Boolean)) }),
  );
}

test('a plugin that asked right before each of four deaths is blamed at the fourth, and then anew', () => {
  assert.equal(BLAMED_DEATHS, 4);
  const found = blamed([['ab'], ['a'], ['ac'], ['a'], ['a'], ['a'], ['a'], ['a']]);
  assert.deepEqual(found, [undefined, undefined, undefined, 'a', undefined, undefined, undefined, 'a']);
});

test('nobody is blamed if there are several such plugins, or none, or if a broker lived long', () => {
  const never = (found: readonly unknown[]): void => assert.ok(found.every((one) => one === undefined));
  never(blamed([['ab'], ['ab'], ['ab'], ['ab'], ['ab'], ['ab']]));
  never(blamed([['a'], ['b'], ['a'], ['b'], ['a'], ['b']]));
  never(blamed([[''], [''], [''], [''], ['']]));
  never(blamed([['a'], ['a'], ['a'], ['a', UNBLAMED_LIFE_MS], ['a'], ['a']]));
});
