// The thread beside the broker's event loop: ends a sandbox that holds the loop up. See touch-watch.ts.
import { constants } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { TOUCH_CHECK_MS } from '../shared/limits.js';
import { signalPidfd } from '../shared/sys/pidfd.js';
import { setNoNewPrivileges } from '../shared/sys/process-control.js';
import { LOADED } from './start-thread.js';
import { TOUCH_FIELDS } from './touch-watch.js';

setNoNewPrivileges();
parentPort?.postMessage(LOADED);

const fields = new Int32Array(workerData as SharedArrayBuffer);
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Checks that have found one and the same touch. Time is counted so, for a machine that was suspended has not waited. */
let checks = 0;
let seen = 0;

for (;;) {
  Atomics.wait(sleeper, 0, 0, TOUCH_CHECK_MS);
  const touch = Atomics.load(fields, TOUCH_FIELDS.touch);
  const init = Atomics.load(fields, TOUCH_FIELDS.init);
  checks = touch === seen && init !== 0 ? checks + 1 : 0;
  seen = touch;
  if (checks * TOUCH_CHECK_MS < Atomics.load(fields, TOUCH_FIELDS.limit)) continue;
  // It may have ended since it was looked at: then another one is under way, or none.
  if (Atomics.load(fields, TOUCH_FIELDS.touch) !== touch) continue;
  Atomics.store(fields, TOUCH_FIELDS.killed, 1);
  signalPidfd(init, constants.signals.SIGKILL);
  checks = 0;
}
