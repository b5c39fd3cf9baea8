// The broker's processor time for a connect, with few plugins and with many that connect at the same time.
import { readdirSync, readFileSync } from 'node:fs';
import type { Bench, Scene } from '../measure.js';
import { openScene, type Part } from '../open-scene.js';
import { startBurstingUp } from './bursting-up.js';
import { startUpstream } from './upstream.js';

/** The upstream's queue holds 4,096, and the control connections are apart. */
const CONNECTS = 4_000;
const PLUGINS = { quick: [1, 10], full: [1, 10, 50, 200] };
const WARM_UP_ROUNDS = { quick: 1, full: 4 };

export async function brokerCpu(bench: Bench): Promise<Scene> {
  const upstream = await startUpstream(bench.programs);
  const parts = PLUGINS[bench.quick ? 'quick' : 'full'].flatMap((count) =>
    bench.checkouts.map((checkout): Part => {
      const each = Math.floor(CONNECTS / count);
      const round = async (): Promise<{ us: number }> => {
        const up = await startBurstingUp(bench, checkout, upstream, { count });
        try {
          for (let left = WARM_UP_ROUNDS[bench.quick ? 'quick' : 'full']; left > 0; left -= 1)
            await up.burst(each);
          const [before, heard] = [processorNs(up.broker), await upstream.accepted()];
          await up.burst(each);
          const ns = processorNs(up.broker) - before;
          const connects = (await upstream.accepted()) - heard;
          if (connects !== each * count)
            throw new Error(`The upstream heard ${connects} of ${each * count} connects`);
          return { us: ns / 1_000 / connects };
        } finally {
          await up.end();
        }
      };
      return {
        ...{ name: `${count} ${count === 1 ? 'plugin' : 'plugins'}`, role: 'postern' },
        checkout: checkout.label,
        open: async () => ({ round, close: async () => {} }),
      };
    }),
  );
  return openScene(parts, () => upstream.end());
}

/** Of all threads: Documentation/scheduler/sched-stats.rst of the kernel. */
function processorNs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce(
    (sum, thread) =>
      sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]),
    0,
  );
}
