import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuestionRate } from '../../../broker/dns/question-rate.js';
import { QUESTION_BURST_FACTOR } from '../../../shared/limits.js';
import { until } from '../../harness/until.js';

/** A rate whose shares come by a clock of the test. */
function rate(perSecond: number): {
  readonly rate: QuestionRate;
  readonly pass: (ms: number) => void;
  waits: number;
} {
  let now = 0;
  const scene = {
    rate: new QuestionRate(
      perSecond,
      () => {
        scene.waits += 1;
      },
      () => now,
    ),
    pass: (ms: number): void => {
      now += ms;
    },
    waits: 0,
  };
  return scene;
}

// proves: trap: who waits for the rate comes first
test('those that wait get their shares in their order, before all others', async () => {
  const scene = rate(10);
  for (let count = 0; count < 10 * QUESTION_BURST_FACTOR; count += 1) {
    assert.ok(scene.rate.isLeft);
    scene.rate.take();
  }
  assert.ok(!scene.rate.isLeft);
  const begun: string[] = [];
  for (const name of ['a', 'b', 'c']) scene.rate.await(() => begun.push(name));
  assert.equal(scene.waits, 3);
  scene.pass(250);
  assert.ok(!scene.rate.isLeft, 'a question that has just come takes a share before those that wait');
  await until(() => begun.length === 2 || undefined);
  assert.deepEqual(begun, ['a', 'b']);
  scene.pass(50);
  await until(() => begun.length === 3 || undefined);
  assert.ok(!scene.rate.isLeft);
  scene.pass(100);
  assert.ok(scene.rate.isLeft);
});

test('one that waits again comes behind the others, and what waits when the sandbox ends is not begun', async () => {
  const scene = rate(1_000);
  const begun: string[] = [];
  const again = (name: string) => (): void => {
    begun.push(name);
    scene.rate.await(again(name));
  };
  while (scene.rate.isLeft) scene.rate.take();
  scene.rate.await(again('a'));
  scene.rate.await(again('b'));
  scene.pass(4);
  await until(() => begun.length === 4 || undefined);
  assert.deepEqual(begun, ['a', 'b', 'a', 'b']);
  scene.rate.close();
  scene.pass(1_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(begun.length, 4);
});
