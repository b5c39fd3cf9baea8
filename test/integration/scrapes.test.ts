// Clients of /metrics, whose page is long, beside a plugin that connects. They delay it as clients of a page would that costs the broker
// nothing, and the broker needs no memory for them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startScrapeScene } from './scrape-scene.js';

const ROUNDS = 2;
const ROUND_MS = 1_500;
/** A page of 17,000 series that is made for each client would need five times the memory. */
const MOST_GROWTH = 1.5;
const MOST_DELAY = 3;

const p99 = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN;

test('a thousand clients of a long page of metrics delay no plugin and take no memory of the broker', async (t) => {
  const scene = await startScrapeScene(t);
  const residentKib = scene.broker.residentKib();
  const waves = async (server: typeof scene.scraped): Promise<void> => {
    const end = performance.now() + ROUND_MS;
    do assert.ok((await scene.scrape(server)) > 0, 'no client got the page');
    while (performance.now() < end);
  };
  const acts = {
    copy: () => waves(scene.control),
    page: () => waves(scene.scraped),
  };
  const measure = async (): Promise<Record<keyof typeof acts, number>> => {
    const times = { copy: [], page: [] } as Record<keyof typeof acts, number[]>;
    // In turns, since the machine may be busy with something else for a while.
    for (let round = 0; round < ROUNDS; round += 1)
      for (const name of ['copy', 'page'] as const) times[name].push(...(await scene.during(acts[name])));
    return { copy: p99(times.copy), page: p99(times.page) };
  };
  let found = await measure();
  // What delays a neighbour does so every time.
  for (let again = 0; again < 2 && found.page > MOST_DELAY * found.copy; again += 1) found = await measure();
  const peakKib = scene.broker.peakKib();
  t.diagnostic(
    `p99 ${found.page.toFixed(1)} ms, ${found.copy.toFixed(1)} ms beside clients of a copy; ` +
      `the broker had ${residentKib} KiB, at most ${peakKib} KiB`,
  );
  assert.ok(found.page <= MOST_DELAY * found.copy, `${found.page} ms, and ${found.copy} ms beside the copy`);
  assert.ok(peakKib <= MOST_GROWTH * residentKib, `${peakKib} KiB, and ${residentKib} KiB before`);
});
