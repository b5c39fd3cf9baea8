// The first connects of a fresh broker with a fresh client, and the same two when they are warm.
import type { Bench, Scene } from '../measure.js';
import { openScene } from '../open-scene.js';
import { median } from '../statistics.js';
import { clientsInC, clientsInNode, type Use } from './clients.js';
import { heardConnects } from './heard-connects.js';
import { startUpstream } from './upstream.js';

const FIRST = 100;
const EARLY = 500;
const PART = 1_000;
/** Parts of 1,000 connects that do not count. */
const WARM_UP = { quick: 2, full: 8 };

export async function connectFresh(bench: Bench, client: 'C' | 'Node'): Promise<Scene> {
  const use: Use = async (start, upstream) => ({
    round: async () => {
      const program = await start();
      const connect = async (count: number): Promise<readonly number[]> =>
        (await heardConnects(program, upstream, count, 1)).micros;
      const early = await connect(EARLY);
      for (let left = bench.quick ? WARM_UP.quick : WARM_UP.full; left > 0; left -= 1) await connect(PART);
      const warm = median(await connect(PART));
      await program.end();
      const [first100, first500] = [median(early.slice(0, FIRST)), median(early)];
      return {
        ...{ first: early[0] ?? Number.NaN, first100, first500, warm },
        ...{ 'first100/warm': first100 / warm, 'first500/warm': first500 / warm },
      };
    },
    close: async () => {},
  });
  const upstream = await startUpstream(bench.programs);
  const clients = client === 'C' ? clientsInC(bench, upstream, use) : clientsInNode(bench, upstream, use);
  return openScene(clients, () => upstream.end());
}
