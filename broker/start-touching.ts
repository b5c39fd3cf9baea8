// What touches plugins: the event loop, and the thread of those that have been slow. One watchdog watches both. Runs in the broker, on
// the main thread, before it takes on its ids.
import { startTouchWatchdog, TouchWatch, touchFields } from './touch-watch.js';
import { SlowReach } from './trap/slow-reach.js';

/** Both are watched when it returns. */
export async function startTouching(): Promise<{
  readonly touches: TouchWatch;
  readonly slowReach: SlowReach;
}> {
  const fields = touchFields();
  const [slowReach, watch] = await Promise.all([SlowReach.start(), startTouchWatchdog()]);
  await watch([{ tid: process.pid, fields }, slowReach.watched]);
  return { touches: new TouchWatch(fields), slowReach };
}
