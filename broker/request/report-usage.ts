// Answers the supervisor's questions for what the plugins use of the network. Runs in the broker. Other
// work goes on between the parts of a report: the kernel waits for a connection's lock, which its plugin can hold.

import { setImmediate } from 'node:timers/promises';
import { LISTED_AT_ONCE, SURVEYED_CONNECTIONS, USAGE_AT_ONCE } from '../../shared/limits.js';
import type { BrokerLine } from '../../shared/protocol/link.js';
import type { PluginUsage } from '../../shared/protocol/open-connections.js';
import { answerTogether } from '../record/answer-together.js';
import type { Plugin, Services } from './plugin.js';

type Used = Pick<Plugin, 'name' | 'connections' | 'stall' | 'metrics' | 'queue' | 'asks'>;

/** @param update brings the counts up to date, before each report @returns what takes the id of a question */
export function usageReports(
  { guard }: Pick<Services, 'guard'>,
  plugins: ReadonlyMap<string, Used>,
  update: () => void,
  send: (line: BrokerLine) => void,
): (id: number) => void {
  return answerTogether(async (ids) => {
    update();
    let part: PluginUsage[] = [];
    const tell = (last: boolean): void => {
      for (const id of ids) send({ type: 'usage', id, plugins: part, last });
      part = [];
    };
    for (const plugin of [...plugins.values()]) {
      await survey(guard, plugin);
      part.push(usageOf(plugin));
      if (part.length < USAGE_AT_ONCE) continue;
      tell(false);
      await setImmediate();
    }
    tell(true);
  });
}

/** Looks at some of its connections, each time at those whose last look is the oldest. */
async function survey(guard: Services['guard'], { connections, stall }: Used): Promise<void> {
  const most =
    /* protects: G8 top: a plugin with many connections costs a bounded time => (connections?.open ?? 0) */ Math.min(
      connections?.open ?? 0,
      SURVEYED_CONNECTIONS,
    );
  for (let left = most; left > 0; left -= LISTED_AT_ONCE) {
    // protects: G9 top: the bytes of connections are read under the stall guard => stall && connections?.survey(Math.min(left, LISTED_AT_ONCE));
    guard.watch(stall, () => connections?.survey(Math.min(left, LISTED_AT_ONCE)));
    await setImmediate();
  }
}

function usageOf({ name, connections, metrics, queue, asks }: Used): PluginUsage {
  const { sentBytes = 0, receivedBytes = 0 } = connections?.carried ?? {};
  return {
    plugin: name,
    connections: connections?.open ?? 0,
    connects: metrics.total('connects'),
    denials: metrics.total('decisions', ({ decision }) => decision === 'deny'),
    sent_bytes: metrics.total('sentBytes') + sentBytes,
    received_bytes: metrics.total('receivedBytes') + receivedBytes,
    waiting: queue.queued + queue.inFlight + asks.size,
  };
}
