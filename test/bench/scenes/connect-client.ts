// A client that connects again and again, and the figures of a round.

import type { LineProgram } from '../line-program.js';
import type { Sample } from '../measure.js';
import type { Opened } from '../open-scene.js';
import { median, quantile } from '../statistics.js';
import type { Upstream } from './upstream.js';

export interface Load {
  /** The connects of a round. */
  readonly count: number;
  /** How many of them at once. */
  readonly abreast: number;
  /** The connects before the first round. */
  readonly warmUp: number;
}

interface Timing {
  readonly seconds: number;
  readonly micros: readonly number[];
}

/** @param client a program that takes `connects COUNT ABREAST` */
export function connectClient(client: LineProgram, upstream: Upstream, load: Load): Opened {
  const connect = async (count: number): Promise<Timing> => {
    const before = await upstream.accepted();
    const timing = await client.ask<Timing>(`connects ${count} ${load.abreast}`);
    const heard = (await upstream.accepted()) - before;
    if (heard !== timing.micros.length)
      throw new Error(`The upstream heard ${heard} of ${timing.micros.length} connects`);
    return timing;
  };
  return {
    warmUp: async () => {
      for (let left = load.warmUp; left > 0; left -= load.count) await connect(load.count);
    },
    round: async () => figuresOf(await connect(load.count)),
    close: () => client.end(),
  };
}

function figuresOf({ micros, seconds }: Timing): Sample {
  const [p50, p99] = [median(micros), quantile(micros, 0.99)];
  return { p50, p99, 'p99/p50': p99 / p50, rate: micros.length / seconds };
}
