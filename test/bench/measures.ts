// Every measure: its name on the command line, what it compares, its figures, and what postern aims at.
import { type Figure, type Measure, PEERS } from './measure.js';
import { brokerCpu } from './scenes/broker-cpu.js';
import { ANY_FILTER, systemCalls } from './scenes/calls.js';
import { BESIDE_GATEWAY } from './scenes/clients.js';
import { connectFresh, connectFreshTogether } from './scenes/connect-fresh.js';
import { connectWarm } from './scenes/connect-warm.js';
import { gatewayRequests, memoryOfGateways } from './scenes/gateway.js';
import { AB, loadGenerator, REDIS } from './scenes/load-generators.js';
import { memoryIdle, memoryOfConnections, memoryOfPlugins } from './scenes/memory.js';
import { policy } from './scenes/policy.js';
import { secondPlugin } from './scenes/second-plugin.js';
import { startTrue } from './scenes/start.js';
import { streams } from './scenes/streams.js';

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
  {
    ...MICROS,
    key: 'first1500',
    title: 'p50 of the first 1,500',
    aims: [{ of: 'trap', over: PEERS, atMost: 1 }],
  },
  { ...MICROS, key: 'p99', title: 'p99 of the first 1,500', aims: [{ of: 'trap', atMost: 800 }] },
  { ...MICROS, key: 'warm', title: 'p50, warm' },
  { ...TIMES, key: 'first500/warm', title: 'the first 500 / warm' },
];
const FIRST_100 = { ...TIMES, key: 'first100/warm', title: 'the first 100 / warm' } as const;

const MS: Figure = { key: 'ms', title: 'time', unit: 'ms', better: 'less', baseline: 'node -e 0', aims: [] };
const PER_SECOND: Figure = { ...RATE, unit: '/s' };
const NS = { unit: 'ns', better: 'less', baseline: 'outside' } as const;
const MIB = { unit: 'MiB', better: 'less' } as const;
const AS_DIRECT: Figure['aims'] = [{ of: 'trap', over: 'direct', atLeast: 0.98 }];
/** Any filter makes every call longer. What judging the arguments adds is postern's own. */
const FILTERED: Figure['aims'] = [
  { of: 'trap', minus: ANY_FILTER, atMost: 30 },
  { of: 'trap', minus: 'outside', atMost: 30 },
];
const FLAT = [10, 50, 200].map((count) => ({ of: `${count} plugins`, over: '1 plugin', atMost: 1.2 }));

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
    name: 'connect-gateway',
    title: 'connects of a C client, one at a time, whose plugin has a gateway for another host',
    rounds: { full: 21, quick: 5 },
    figures: [{ ...P50, aims: [{ of: BESIDE_GATEWAY, over: 'trap', atMost: 1.05 }] }, P99],
    open: (bench) => connectWarm(bench, { client: 'C, beside a gateway', count: 1_000, abreast: 1 }),
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
    name: 'connect-fresh-c-64',
    title: 'the first 1,500 connects of a fresh broker, C client, 64 at once',
    rounds: { full: 11, quick: 2 },
    figures: [{ ...RATE, aims: [{ of: 'trap', over: 'squid', atLeast: 1 }] }],
    open: connectFreshTogether,
  },
  {
    name: 'connect-fresh-node',
    title: 'first connects of a fresh broker and a fresh Node client',
    rounds: { full: 11, quick: 2 },
    figures: [...FRESH, FIRST_100],
    open: (bench) => connectFresh(bench, 'Node'),
  },
  {
    name: 'start-true',
    title: 'the start of `true`, to its end',
    rounds: { full: 21, quick: 3 },
    figures: [{ ...MS, charted: true, aims: [{ of: 'run', over: 'node -e 0', atMost: 5 }] }],
    open: startTrue,
  },
  {
    name: 'start-plugin',
    title: 'the start of a second plugin under a running `up`',
    rounds: { full: 21, quick: 3 },
    figures: [{ ...MS, aims: [{ of: 'up', over: 'node -e 0', atMost: 2 }] }],
    open: secondPlugin,
  },
  {
    name: 'load-ab',
    title: 'ab, a connection for each request, 16 at once',
    rounds: { full: 7, quick: 2 },
    figures: [{ ...PER_SECOND, aims: [{ of: 'trap', over: 'direct', atLeast: 0.6 }] }],
    open: (bench) => loadGenerator(bench, AB, false),
  },
  {
    name: 'load-ab-keep',
    title: 'ab -k, which keeps its 16 connections',
    rounds: { full: 7, quick: 2 },
    figures: [{ ...PER_SECOND, aims: AS_DIRECT }],
    open: (bench) => loadGenerator(bench, AB, true),
  },
  {
    name: 'load-redis',
    title: 'redis-benchmark -k 0, a connection for each SET, 16 at once',
    rounds: { full: 7, quick: 2 },
    figures: [PER_SECOND],
    open: (bench) => loadGenerator(bench, REDIS, false),
  },
  {
    name: 'load-redis-keep',
    title: 'redis-benchmark, which keeps its 16 connections',
    rounds: { full: 7, quick: 2 },
    figures: [{ ...PER_SECOND, aims: AS_DIRECT }],
    open: (bench) => loadGenerator(bench, REDIS, true),
  },
  {
    name: 'stream-bulk',
    title: 'bytes over one connection',
    rounds: { full: 11, quick: 2 },
    figures: [{ ...PER_SECOND, unit: 'MB/s', charted: true, aims: AS_DIRECT }],
    open: (bench) => streams(bench, { kind: 'bulk', count: { quick: 64e6, full: 1e9 } }),
  },
  {
    name: 'stream-ping',
    title: 'one byte to and fro over one connection',
    rounds: { full: 11, quick: 2 },
    figures: [{ ...PER_SECOND, aims: AS_DIRECT }],
    open: (bench) => streams(bench, { kind: 'ping', count: { quick: 1_000, full: 20_000 } }),
  },
  {
    name: 'gateway',
    title: 'HTTPS requests over kept connections, through a gateway with a secret and a rule',
    rounds: { full: 11, quick: 2 },
    figures: [
      { ...P50, title: 'p50, one at a time' },
      { ...P99, title: 'p99, one at a time' },
      { ...PER_SECOND, title: 'requests, 16 at once' },
      { ...PER_SECOND, key: 'bytes', title: 'a large body', unit: 'MB/s' },
    ],
    open: gatewayRequests,
  },
  {
    name: 'calls',
    title: 'a system call in a sandbox',
    rounds: { full: 21, quick: 3 },
    figures: [
      { ...NS, key: 'plain', title: 'getppid, whose arguments no filter looks at', aims: [] },
      { ...NS, key: 'fcntl', title: 'fcntl, filtered by argument', aims: FILTERED },
      { ...NS, key: 'ioctl', title: 'ioctl, filtered by argument', aims: FILTERED },
      { ...NS, key: 'setsockopt', title: 'setsockopt, filtered by argument', aims: FILTERED },
    ],
    open: systemCalls,
  },
  {
    name: 'memory-idle',
    title: 'memory (PSS) of an idle `run`',
    rounds: { full: 5, quick: 1 },
    figures: [
      {
        ...{ ...MIB, key: 'mib', title: 'supervisor and broker', baseline: 'node, idle', charted: true },
        aims: [{ of: 'run', atMost: 45 }],
      },
    ],
    open: memoryIdle,
  },
  {
    name: 'memory-plugins',
    title: 'memory (PSS) of an idle `up`, without the plugins themselves',
    rounds: { full: 3, quick: 1 },
    figures: [
      { ...MIB, key: 'all', title: 'all of postern', aims: [] },
      { ...MIB, key: 'each', title: 'a plugin', aims: [] },
    ],
    open: memoryOfPlugins,
  },
  {
    name: 'memory-gateways',
    title: 'memory (PSS) of an idle `up` whose plugins have a gateway each, without the plugins themselves',
    rounds: { full: 3, quick: 1 },
    figures: [
      { ...MIB, key: 'all', title: 'all of postern', aims: [] },
      { ...MIB, key: 'each', title: 'a plugin', aims: [] },
    ],
    open: memoryOfGateways,
  },
  {
    name: 'memory-connections',
    title: 'memory (PSS) of supervisor and broker with open connections',
    rounds: { full: 3, quick: 1 },
    figures: [
      {
        ...{ ...MIB, key: 'mib', title: 'supervisor and broker', baseline: '100 open' },
        aims: [{ of: '10,000 open', over: '100 open', atMost: 1.1 }],
      },
    ],
    open: memoryOfConnections,
  },
  {
    name: 'policy',
    title: 'rules',
    rounds: { full: 5, quick: 2 },
    figures: [
      { key: 'loadMs', title: 'load', unit: 'ms', better: 'less', aims: [] },
      {
        ...{ key: 'decideUs', title: 'decide', unit: 'µs', better: 'less', charted: true },
        aims: [{ of: '1,000,000 rules', atMost: 2 }],
      },
    ],
    open: policy,
  },
  {
    name: 'broker-cpu',
    title: "the broker's processor time for a connect, all plugins at once",
    rounds: { full: 3, quick: 1 },
    figures: [
      {
        key: 'us',
        title: 'time',
        unit: 'µs',
        better: 'less',
        baseline: '1 plugin',
        charted: true,
        aims: FLAT,
      },
    ],
    open: brokerCpu,
  },
];
