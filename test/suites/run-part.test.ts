import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Place, Places } from './places.js';
import { runPart } from './run-part.js';
import type { Plan, Suite } from './suite.js';

/** Each test is a word, and passes where its word says so. @returns the runs too */
function scene(passes: Readonly<Record<string, (place: Place, alone: boolean) => boolean>>) {
  const runs: string[] = [];
  const suite = {
    name: 'own',
    prepare: async () => undefined,
    plan: (_part: unknown, _folders: unknown, only?: string): Plan => ({
      words: only === undefined ? [] : [only],
    }),
    parse: (text: string) => new Map(JSON.parse(text)),
  } as unknown as Suite;
  const places = {
    run: async (place: Place, { words: [only] }: Plan) => {
      runs.push(`${place} ${only ?? 'all'}`);
      const tests = Object.entries(passes).filter(([name]) => only === undefined || name === only);
      const outcomes = tests.map(([name, passesAt]) => [
        name,
        { state: passesAt(place, only !== undefined) ? 'ok' : 'failed', why: '' },
      ]);
      return { results: JSON.stringify(outcomes), said: '', timedOut: false, seconds: 1 };
    },
  } as unknown as Places;
  const run = async (known: readonly string[] = []) =>
    await runPart(suite, { name: 'part', seconds: 1 }, places, {
      startedBy: ['user'],
      isKnown: (name) => known.includes(name),
      say: () => undefined,
    });
  return { run, runs };
}

test('a test that fails inside each time is a difference, after two more runs on both sides', async () => {
  const { run, runs } = scene({ steady: () => true, differs: (place) => place === 'outside' });
  const { compared, inside } = await run();
  assert.deepEqual(compared, ['steady', 'differs']);
  assert.deepEqual(
    inside[0]?.differences.map((one) => one.test),
    ['differs'],
  );
  const again = ['outside differs', 'user differs'];
  assert.deepEqual(runs, ['outside all', 'outside all', 'user all', ...again, ...again]);
});

test('a test that passes inside when it runs alone is no difference', async () => {
  const { run } = scene({ flaky: (place, alone) => place === 'outside' || alone });
  const { compared, inside } = await run();
  assert.deepEqual([compared, inside[0]?.differences], [['flaky'], []]);
});

test('a test that fails outside when it runs alone is not compared', async () => {
  const { run } = scene({ steady: () => true, flaky: (place, alone) => place === 'outside' && !alone });
  const { compared, inside } = await run();
  assert.deepEqual([compared, inside[0]?.differences], [['steady'], []]);
});

test('a known difference does not run again', async () => {
  const { run, runs } = scene({ differs: (place) => place === 'outside' });
  const { inside } = await run(['differs']);
  assert.equal(inside[0]?.differences.length, 1);
  assert.equal(runs.length, 3);
});
