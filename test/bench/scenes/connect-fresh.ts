// The first connects of a fresh broker with a fresh client, and the same two when they are warm. A program that is run once has no other broker. The
// clients of peers are as fresh; a proxy runs already, as it does for its users.
import type { Bench, Scene } from '../measure.js';
import { openScene, type Part } from '../open-scene.js';
import { median, quantile } from '../statistics.js';
import { clientsBesideGateway, clientsInC, clientsInNode, type Use } from './clients.js';
import { heardConnects } from './heard-connects.js';
import { peersInC } from './peers-in-c.js';
import { startUpstream, type Upstream } from './upstream.js';

const FIRST = 100;
const EARLY = 500;
/** What a program may well make in its life. */
const ALL_EARLY = 1_500;
const ABREAST = 64;
const PART = 1_000;
/** Parts of 1,000 connects that do not count. */
const WARM_UP = { quick: 2, full: 8 };

export async function connectFresh(bench: Bench, client: 'C' | 'Node'): Promise<Scene> {
  const use: Use = async (start, upstream) => ({
    round: async () => {
      const program = await start();
      const connect = async (count: number): Promise<readonly number[]> =>
        (await heardConnects(program, upstream, count, 1)).micros;
      const all = await connect(ALL_EARLY);
      const early = all.slice(0, EARLY);
      for (let left = bench.quick ? WARM_UP.quick : WARM_UP.full; left > 0; left -= 1) await connect(PART);
      const warm = median(await connect(PART));
      await program.end();
      const [first100, first500] = [median(early.slice(0, FIRST)), median(early)];
      return {
        ...{ first: early[0] ?? Number.NaN, first100, first500, warm },
        ...{ first1500: median(all), p99: quantile(all, 0.99) },
        ...{ 'first100/warm': first100 / warm, 'first500/warm': first500 / warm },
      };
    },
    close: async () => {},
  });
  return openConnects(bench, client, use);
}

/** The first connects of a fresh broker with a fresh client in C, 64 at once. */
export function connectFreshTogether(bench: Bench): Promise<Scene> {
  return openConnects(bench, 'C', async (start, upstream) => ({
    round: async () => {
      const program = await start();
      const { micros, seconds } = await heardConnects(program, upstream, ALL_EARLY, ABREAST);
      await program.end();
      return { rate: micros.length / seconds };
    },
    close: async () => {},
  }));
}

export type Client = 'C' | 'C, beside a gateway' | 'Node';

const CLIENTS: Readonly<Record<Client, (bench: Bench, upstream: Upstream, use: Use) => readonly Part[]>> = {
  C: (...scene) => [...clientsInC(...scene), ...peersInC(...scene)],
  'C, beside a gateway': clientsBesideGateway,
  Node: clientsInNode,
};

/** Clients through postern and its peers, with one server. */
export async function openConnects(bench: Bench, client: Client, use: Use): Promise<Scene> {
  const upstream = await startUpstream(bench.programs);
  return openScene(CLIENTS[client](bench, upstream, use), () => upstream.end());
}
