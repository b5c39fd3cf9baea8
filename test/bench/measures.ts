// Every measure: its name on the command line, what it compares, its figures, and what postern aims at.
import { type Figure, type Measure, PEERS } from './measure.js';
import { connectFromC } from './scenes/connect-from-c.js';

const TO_DIRECT = { baseline: 'direct' } as const;
const MICROS = { unit: 'µs', better: 'less', ...TO_DIRECT } as const;
const RATE = { key: 'rate', title: 'rate', unit: 'connects/s', better: 'more', ...TO_DIRECT } as const;

function latency(p50: Figure['aims']): Figure[] {
  return [
    { key: 'p50', title: 'p50', ...MICROS, aims: p50 },
    { key: 'p99', title: 'p99', ...MICROS, aims: [] },
  ];
}

export const MEASURES: readonly Measure[] = [
  {
    name: 'connect-trap',
    title: 'connect(2) of a C client, one at a time',
    rounds: { full: 21, quick: 5 },
    figures: [
      ...latency([
        { of: 'trap', over: 'C limit, trap', atMost: 2.2 },
        { of: 'trap', over: PEERS, atMost: 1 },
      ]),
      {
        ...{ key: 'p99/p50', title: 'p99 / p50', unit: 'times', better: 'less', ...TO_DIRECT },
        aims: [{ of: 'trap', atMost: 4 }],
      },
    ],
    open: (bench) => connectFromC(bench, { count: 1_000, abreast: 1, warmUp: bench.quick ? 2_000 : 10_000 }),
  },
  {
    name: 'connect-trap-64',
    title: 'connect(2) of a C client, 64 at once',
    rounds: { full: 11, quick: 3 },
    figures: [{ ...RATE, aims: [{ of: 'trap', over: PEERS, atLeast: 1 }] }],
    open: (bench) => connectFromC(bench, { count: 2_048, abreast: 64, warmUp: bench.quick ? 2_048 : 10_240 }),
  },
  {
    name: 'connect-trap-512',
    title: 'connect(2) of a C client, 512 at once',
    rounds: { full: 11, quick: 3 },
    figures: [{ ...RATE, aims: [] }],
    open: (bench) =>
      connectFromC(bench, { count: 2_048, abreast: 512, warmUp: bench.quick ? 2_048 : 10_240 }),
  },
];
