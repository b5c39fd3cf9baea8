// Counts what open connections have carried, and answers the supervisor's queries for what the plugins use of the network. Runs in the broker. The
// kernel waits for a connection's lock, which its plugin can hold. So other work goes on between the parts of a survey, a plugin that was slow lately is
// left out, and a survey ends in time: what it leaves out is first in the next one, or counts when it has ended.

import { setImmediate } from 'node:timers/promises';
import { LISTED_AT_ONCE, SURVEY_MS, SURVEYED_CONNECTIONS, USAGE_AT_ONCE } from '../../shared/limits.js';
import type { BrokerLine } from '../../shared/protocol/link.js';
import type { PluginUsage } from '../../shared/protocol/open-connections.js';
import { MIB, QUOTAS } from '../ledger/byte-sums.js';
import { answerTogether } from '../record/answer-together.js';
import type { UsedLimit } from '../record/broker-metrics.js';
import type { Plugin, Services } from './plugin.js';

type Surveyed = Pick<Plugin, 'connections' | 'stall'>;

/** Looks at open connections, for the metrics and for an operator. */
export class Survey {
  readonly #guard: Services['guard'];
  readonly #plugins: ReadonlyMap<string, Surveyed>;
  readonly #now: () => number;
  /** Which survey has looked at a plugin last. */
  readonly #surveys = new WeakMap<Surveyed, number>();
  #count = 0;

  constructor(
    { guard }: Pick<Services, 'guard'>,
    plugins: ReadonlyMap<string, Surveyed>,
    now: () => number = () => performance.now(),
  ) {
    this.#guard = guard;
    this.#plugins = plugins;
    this.#now = now;
  }

  /** Notes what open connections have carried. Of each plugin, those come first whose last look is the oldest. */
  async take(): Promise<void> {
    this.#count += 1;
    const until = this.#now() + SURVEY_MS;
    const last = (plugin: Surveyed): number => this.#surveys.get(plugin) ?? 0;
    for (const plugin of [...this.#plugins.values()].sort((a, b) => last(a) - last(b))) {
      if (this.#now() >= until) return;
      this.#surveys.set(plugin, this.#count);
      await this.#look(plugin, until);
    }
  }

  async #look({ connections, stall }: Surveyed, until: number): Promise<void> {
    const most =
      /* protects: G8 top: a plugin with many connections costs a bounded time => (connections?.open ?? 0) */ Math.min(
        connections?.open ?? 0,
        SURVEYED_CONNECTIONS,
      );
    for (let left = most; left > 0; left -= LISTED_AT_ONCE) {
      // protects: G9 metrics: a page waits for no plugin that was slow lately
      if (stall.slow) return;
      // protects: G9 metrics: a survey of open connections ends in time => void until;
      if (this.#now() >= until) return;
      // protects: G9 top: the bytes of connections are read under the stall guard => stall && connections?.survey(Math.min(left, LISTED_AT_ONCE));
      this.#guard.watch(stall, () => connections?.survey(Math.min(left, LISTED_AT_ONCE)));
      await setImmediate();
    }
  }
}

type Limited = Pick<Plugin, 'connections' | 'limits' | 'metrics'> & {
  readonly queue: Pick<Plugin['queue'], 'queued'>;
};

const part = (used: number, most: number | undefined): number | undefined =>
  most === undefined || most === 0 ? undefined : used / most;

/** How much of a limit a plugin uses: 1 is all. Undefined: it has no such limit. */
const USED: readonly (readonly [UsedLimit, (plugin: Limited) => number | undefined])[] = [
  ['connections', ({ connections, limits }) => part(connections?.open ?? 0, limits.connections)],
  ['queue', ({ queue, limits }) => part(queue.queued, limits.queuedRequests)],
  ...QUOTAS.map(
    ({ word, limit, carried }) =>
      [
        word,
        ({ connections, limits }: Limited) => part((connections?.total()[carried] ?? 0) / MIB, limits[limit]),
      ] as const,
  ),
];

/** Puts it into the metrics. A limit may have gone with a reload. */
export function showUsedLimits(plugin: Limited): void {
  for (const [limit, usedBy] of USED) {
    const used = usedBy(plugin);
    if (used === undefined) plugin.metrics.unset('limitUsed', { limit });
    else plugin.metrics.set('limitUsed', { limit }, used);
  }
}

type Used = Pick<Plugin, 'name' | 'connections' | 'metrics' | 'queue' | 'asks'>;

/** @param update brings the counts up to date, before each report @returns what takes the id of a query */
export function usageReports(
  plugins: ReadonlyMap<string, Used>,
  update: () => Promise<void>,
  send: (line: BrokerLine) => void,
): (id: number) => Promise<void> {
  return answerTogether(async (ids) => {
    await update();
    let part: PluginUsage[] = [];
    const tell = (last: boolean): void => {
      for (const id of ids) send({ type: 'usage', id, plugins: part, last });
      part = [];
    };
    for (const plugin of [...plugins.values()]) {
      part.push(usageOf(plugin));
      if (part.length < USAGE_AT_ONCE) continue;
      tell(false);
      await setImmediate();
    }
    tell(true);
  });
}

function usageOf({ name, connections, metrics, queue, asks }: Used): PluginUsage {
  return {
    plugin: name,
    connections: connections?.open ?? 0,
    connects: metrics.total('connects'),
    denials: metrics.total('decisions', ({ decision }) => decision === 'deny'),
    sent_bytes: metrics.total('sentBytes'),
    received_bytes: metrics.total('receivedBytes'),
    waiting: queue.queued + queue.inFlight + asks.size,
  };
}
