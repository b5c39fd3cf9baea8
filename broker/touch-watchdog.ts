// The thread beside the broker's event loop: ends a sandbox that holds the loop up. See touch-watch.ts.
import { openSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { TOUCH_CHECK_MS, TOUCH_LIMIT_MS } from '../shared/limits.js';
import { signalPidfd } from '../shared/sys/pidfd.js';
import { setNoNewPrivileges } from '../shared/sys/process-control.js';
import { LOADED } from './start-thread.js';
import { TOUCH_FIELDS } from './touch-watch.js';

const RUNNABLE = 'R'.charCodeAt(0);

setNoNewPrivileges();
const stat = openSync(`/proc/self/task/${process.pid}/stat`, 'r');
const text = Buffer.alloc(64);
parentPort?.postMessage(LOADED);

const fields = new Int32Array(workerData as SharedArrayBuffer);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
let seen = 0;

for (;;) {
  Atomics.wait(sleeper, 0, 0, TOUCH_CHECK_MS);
  const touch = Atomics.load(fields, TOUCH_FIELDS.touch);
  const init = Atomics.load(fields, TOUCH_FIELDS.init);
  const isSame = touch === seen && init !== 0;
  seen = touch;
  if (!isSame || !isOver()) continue;
  // It may have ended since it was looked at: then another one is under way, or none.
  if (Atomics.load(fields, TOUCH_FIELDS.touch) !== touch) continue;
  Atomics.store(fields, TOUCH_FIELDS.killed, 1);
  signalPidfd(init, constants.signals.SIGKILL);
}

/** Whether the touch has lasted too long. Time is counted in looks, for a machine that was suspended has not waited. */
function isOver(): boolean {
  const looks = Atomics.add(fields, TOUCH_FIELDS.looks, 1) + 1;
  const one = mainSleeps() ? 1 : 0;
  const asleep = Atomics.add(fields, TOUCH_FIELDS.asleep, one) + one;
  const limit = Atomics.load(fields, TOUCH_FIELDS.limit);
  return asleep * TOUCH_CHECK_MS >= limit || looks * TOUCH_CHECK_MS >= TOUCH_LIMIT_MS;
}

/** Whether the main thread waits for something else than a processor, proc_pid_stat(5). */
function mainSleeps(): boolean {
  const length = readSync(stat, text, 0, text.length, 0);
  const name = text.lastIndexOf(')', length - 1);
  return text[name + 2] !== RUNNABLE;
}
