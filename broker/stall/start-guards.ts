// Starts the guards: one for the event loop, one for the slow lane, and the watchdog of both. Runs in the broker, on the main thread,
// before it takes on its ids.
import { once } from 'node:events';
import { stallFields, type WatchedThread } from './judge-stall.js';
import { SlowLane } from './slow-lane.js';
import { StallGuard } from './stall-guard.js';
import { startThread } from './start-thread.js';

interface Guards {
  readonly guard: Pick<StallGuard, 'watch'>;
  readonly slowLane: SlowLane;
}

/** Both threads are watched when it returns. */
export async function startGuards(): Promise<Guards> {
  const fields = stallFields();
  const [{ slowLane, watched }, watch] = await Promise.all([SlowLane.start(), startStallWatchdog()]);
  await watch([
    /* protects: G9 the event loop is watched */ { tid: process.pid, fields },
    /* protects: G9 the slow lane is watched */ watched,
  ]);
  return { guard: new StallGuard(fields), slowLane };
}

/**
 * For a broker that serves one plugin in all. Where that makes the broker wait, it alone waits, and at last the supervisor's heartbeat ends the broker.
 * So there are no threads, which take a sixth of the processor time of a start.
 */
export function guardNobody(): Guards {
  return { guard: { watch: (_guarded, work) => work() }, slowLane: SlowLane.onMainThread() };
}

/** @returns gives the watchdog its threads; it watches them once that has resolved */
async function startStallWatchdog(): Promise<(threads: readonly WatchedThread[]) => Promise<void>> {
  const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 };
  const { worker } = await startThread('stall-watchdog', { resourceLimits });
  return async (threads) => {
    worker.postMessage(threads);
    await once(worker, 'message');
  };
}
