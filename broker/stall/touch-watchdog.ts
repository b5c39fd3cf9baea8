// The thread beside those that touch plugins: ends a sandbox that holds one of them up. See touch-watch.ts.
import { openSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { TOUCH_CHECK_MS, TOUCH_LIMIT_MS } from '../../shared/limits.js';
import { signalPidfd } from '../../shared/sys/pidfd.js';
import { setNoNewPrivileges } from '../../shared/sys/process-control.js';
import { tellLoaded } from './start-thread.js';
import { TOUCH_FIELDS, type WatchedThread } from './touch-watch.js';

const RUNNABLE = 'R'.charCodeAt(0);
const text = Buffer.alloc(512);
/** Where stime stands behind the name, proc_pid_stat(5): the state comes first. */
const SYSTEM_TIME = 12;

/** What is known of one thread. */
class Watched {
  readonly #fields: Int32Array;
  /** Its proc_pid_stat(5). */
  readonly #stat: number;
  #seen = 0;
  /** In clock ticks. */
  #systemTime = 0;

  constructor({ tid, fields }: WatchedThread) {
    this.#fields = fields;
    this.#stat = openSync(`/proc/self/task/${tid}/stat`, 'r');
  }

  look(): void {
    const fields = this.#fields;
    const touch = Atomics.load(fields, TOUCH_FIELDS.touch);
    const init = Atomics.load(fields, TOUCH_FIELDS.init);
    const isSame = touch === this.#seen;
    this.#seen = touch;
    if (init === 0) return;
    const isHeld = this.#isHeld();
    if (!isSame || !this.#isOver(isHeld)) return;
    // It may have ended since it was looked at: then another one is under way, or none.
    if (Atomics.load(fields, TOUCH_FIELDS.touch) !== touch) return;
    Atomics.store(fields, TOUCH_FIELDS.killed, 1);
    signalPidfd(init, constants.signals.SIGKILL);
  }

  /** Whether the touch has lasted too long. Time is counted in looks, for a machine that was suspended has not waited. */
  #isOver(isHeld: boolean): boolean {
    const fields = this.#fields;
    const looks = Atomics.add(fields, TOUCH_FIELDS.looks, 1) + 1;
    const one = isHeld ? 1 : 0;
    const held = Atomics.add(fields, TOUCH_FIELDS.held, one) + one;
    const limit = Atomics.load(fields, TOUCH_FIELDS.limit);
    return held * TOUCH_CHECK_MS >= limit || looks * TOUCH_CHECK_MS >= TOUCH_LIMIT_MS;
  }

  /** Whether the thread waits for something else than a processor, or the kernel has worked for it since the last look. */
  #isHeld(): boolean {
    const length = readSync(this.#stat, text, 0, text.length, 0);
    const name = text.lastIndexOf(')', length - 1);
    const fields = text.toString('latin1', name + 2, length).split(' ', SYSTEM_TIME + 1);
    const systemTime = Number(fields[SYSTEM_TIME]);
    const worked = systemTime > this.#systemTime;
    this.#systemTime = systemTime;
    return worked || text[name + 2] !== RUNNABLE;
  }
}

function watch(given: readonly WatchedThread[]): never {
  const threads = given.map((thread) => new Watched(thread));
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  parentPort?.postMessage('watching');
  for (;;) {
    Atomics.wait(sleeper, 0, 0, TOUCH_CHECK_MS);
    for (const thread of threads) thread.look();
  }
}

setNoNewPrivileges();
parentPort?.once('message', watch);
tellLoaded();
