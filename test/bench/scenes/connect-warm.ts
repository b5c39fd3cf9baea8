// Connects by clients and brokers that have made many before.
import type { Bench, Scene } from '../measure.js';
import { median, quantile } from '../statistics.js';
import type { Use } from './clients.js';
import { type Client, openConnects } from './connect-fresh.js';
import { heardConnects } from './heard-connects.js';

export interface Load {
  readonly client: Client;
  /** The connects of a round. The upstream's queue holds 4,096. */
  readonly count: number;
  /** How many of them at once. */
  readonly abreast: number;
}

const WARM_UP = { quick: 2_000, full: 10_000 };

export function connectWarm(bench: Bench, { client, count, abreast }: Load): Promise<Scene> {
  const use: Use = async (start, upstream) => {
    const program = await start();
    return {
      warmUp: async () => {
        for (let left = bench.quick ? WARM_UP.quick : WARM_UP.full; left > 0; left -= count)
          await heardConnects(program, upstream, count, abreast);
      },
      round: async () => {
        const { micros, seconds } = await heardConnects(program, upstream, count, abreast);
        const [p50, p99] = [median(micros), quantile(micros, 0.99)];
        return { p50, p99, 'p99/p50': p99 / p50, rate: micros.length / seconds };
      },
      close: () => program.end(),
    };
  };
  return openConnects(bench, client, use);
}
