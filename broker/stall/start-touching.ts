// What touches plugins: the event loop, and the thread of those that have been slow. One watchdog watches both. Runs in the broker, on
// the main thread, before it takes on its ids.

import { SlowLane } from './slow-lane.js';
import { startTouchWatchdog, TouchWatch, touchFields } from './touch-watch.js';

/** Both are watched when it returns. */
export async function startTouching(): Promise<{
  readonly touches: TouchWatch;
  readonly slowLane: SlowLane;
}> {
  const fields = touchFields();
  const [slowLane, watch] = await Promise.all([SlowLane.start(), startTouchWatchdog()]);
  await watch([{ tid: process.pid, fields }, slowLane.watched]);
  return { touches: new TouchWatch(fields), slowLane };
}
