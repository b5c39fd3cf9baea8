// Runs one measure: all contestants in each round, each time in another order, so that effects of one on the next count for all.
import type { Bench, Contestant, Measure, Sample } from './measure.js';
import { type MeasureResult, summarize } from './summarize.js';

/** @param rounds instead of the measure's own number */
export async function runMeasure(measure: Measure, bench: Bench, rounds?: number): Promise<MeasureResult> {
  bench.say(`${measure.name}: ${measure.title}`);
  const scene = await measure.open(bench);
  try {
    for (const { warmUp } of scene.contestants) await warmUp?.();
    const count = rounds ?? measure.rounds[bench.quick ? 'quick' : 'full'];
    const samples = new Map<Contestant, Sample[]>(scene.contestants.map((one) => [one, []]));
    for (let round = 0; round < count; round += 1) {
      for (const one of orderOf(scene.contestants, round)) samples.get(one)?.push(await one.round());
      bench.say(`${measure.name}: round ${round + 1} of ${count}`);
    }
    return summarize(measure, samples, scene.absent);
  } finally {
    await scene.close();
  }
}

/** Each begins in turn, and every other round goes backwards. */
function orderOf<T>(all: readonly T[], round: number): T[] {
  const first = Math.floor(round / 2) % all.length;
  const order = [...all.slice(first), ...all.slice(0, first)];
  return round % 2 === 0 ? order : order.reverse();
}
