// Every measure: its name on the command line, what it compares, its figures, and what postern aims at.
import { type Figure, type Measure, PEERS } from './measure.js';
import { connectFresh } from './scenes/connect-fresh.js';
import { connectWarm } from './scenes/connect-warm.js';

const MICROS = { unit: 'µs', better: 'less', baseline: 'direct', aims: [] } as const;
const TIMES = { unit: 'times', better: 'less', aims: [] } as const;
const RATE: Figure = {
  ...{ key: 'rate', title: 'rate', unit: 'connects/s' },
  ...({ better: 'more', baseline: 'direct', aims: [] } as const),
};
const P50 = { ...MICROS, key: 'p50', title: 'p50' } as const;
const P99 = { ...MICROS, key: 'p99', title: 'p99' } as const;
const TAIL = { ...TIMES, key: 'p99/p50', title: 'p99 / p50' } as const;
const FRESH: readonly Figure[] = [
  { ...MICROS, key: 'first', title: 'the first' },
  { ...MICROS, key: 'first100', title: 'p50 of the first 100' },
  { ...MICROS, key: 'first500', title: 'p50 of the first 500' },
  { ...MICROS, key: 'warm', title: 'p50, warm' },
  { ...TIMES, key: 'first500/warm', title: 'the first 500 / warm' },
];
const FIRST_100 = { ...TIMES, key: 'first100/warm', title: 'the first 100 / warm' } as const;

export const MEASURES: readonly Measure[] = [
  {
    name: 'connect-c',
    title: 'connects of a C client, one at a time',
    rounds: { full: 21, quick: 5 },
    figures: [
      {
        ...P50,
        charted: true,
        aims: [
          { of: 'trap', over: 'C limit, trap', atMost: 2.2 },
          { of: 'trap', over: PEERS, atMost: 1 },
        ],
      },
      P99,
      { ...TAIL, aims: [{ of: 'trap', atMost: 4 }] },
    ],
    open: (bench) => connectWarm(bench, { client: 'C', count: 1_000, abreast: 1 }),
  },
  {
    name: 'connect-c-64',
    title: 'connects of a C client, 64 at once',
    rounds: { full: 11, quick: 3 },
    figures: [{ ...RATE, charted: true, aims: [{ of: 'trap', over: PEERS, atLeast: 1 }] }],
    open: (bench) => connectWarm(bench, { client: 'C', count: 2_048, abreast: 64 }),
  },
  {
    name: 'connect-c-512',
    title: 'connects of a C client, 512 at once',
    rounds: { full: 11, quick: 3 },
    figures: [RATE],
    open: (bench) => connectWarm(bench, { client: 'C', count: 2_048, abreast: 512 }),
  },
  {
    name: 'connect-node',
    title: 'connects of a Node client, one at a time',
    rounds: { full: 21, quick: 5 },
    figures: [{ ...P50, charted: true, aims: [{ of: 'channel', over: 'direct', atMost: 2.2 }] }, P99, TAIL],
    open: (bench) => connectWarm(bench, { client: 'Node', count: 1_000, abreast: 1 }),
  },
  {
    name: 'connect-node-64',
    title: 'connects of a Node client, 64 at once',
    rounds: { full: 11, quick: 3 },
    figures: [RATE],
    open: (bench) => connectWarm(bench, { client: 'Node', count: 2_048, abreast: 64 }),
  },
  {
    name: 'connect-node-512',
    title: 'connects of a Node client, 512 at once',
    rounds: { full: 11, quick: 3 },
    figures: [RATE],
    open: (bench) => connectWarm(bench, { client: 'Node', count: 2_048, abreast: 512 }),
  },
  {
    name: 'connect-fresh-c',
    title: 'first connects of a fresh broker, C client',
    rounds: { full: 11, quick: 2 },
    figures: [...FRESH, { ...FIRST_100, aims: [{ of: 'trap', atMost: 2 }] }],
    open: (bench) => connectFresh(bench, 'C'),
  },
  {
    name: 'connect-fresh-node',
    title: 'first connects of a fresh broker and a fresh Node client',
    rounds: { full: 11, quick: 2 },
    figures: [...FRESH, FIRST_100],
    open: (bench) => connectFresh(bench, 'Node'),
  },
];
