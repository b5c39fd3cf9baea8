// The watchdog, a thread of the broker's: it asks for the end of a sandbox that makes a guarded thread wait too long. See stall-guard.ts.
import { openSync, readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { STALL_CHECK_MS, STALL_LIMIT_MS } from '../../shared/limits.js';
import { setNoNewPrivileges } from '../../shared/sys/process-control.js';
import { runOut } from '../../shared/sys/timerfd.js';
import { STALL_FIELDS, type WatchedThread } from './stall-fields.js';
import { tellLoaded } from './start-thread.js';

const RUNNABLE = 'R'.charCodeAt(0);
const text = Buffer.alloc(512);
/** Where stime stands after the name, proc_pid_stat(5). The state comes first. */
const SYSTEM_TIME = 12;

/** A guarded thread. */
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
    const work = Atomics.load(fields, STALL_FIELDS.work);
    const alarm = Atomics.load(fields, STALL_FIELDS.alarm);
    const isSame = work === this.#seen;
    this.#seen = work;
    if (alarm === 0) return;
    const isHeld = this.#isHeld();
    if (!isSame || !this.#isOver(isHeld)) return;
    // The work may have ended since the look; then alarm is another sandbox's, or 0.
    if (Atomics.load(fields, STALL_FIELDS.work) !== work) return;
    Atomics.store(fields, STALL_FIELDS.killed, 1);
    runOut(alarm);
  }

  /** Whether the work has lasted too long. Time is counted in looks, so that a suspended machine does not count as a stall. */
  #isOver(isHeld: boolean): boolean {
    const fields = this.#fields;
    const looks = Atomics.add(fields, STALL_FIELDS.looks, 1) + 1;
    const one = isHeld ? 1 : 0;
    const held = Atomics.add(fields, STALL_FIELDS.held, one) + one;
    const limit = Atomics.load(fields, STALL_FIELDS.limit);
    return held * STALL_CHECK_MS >= limit || looks * STALL_CHECK_MS >= STALL_LIMIT_MS;
  }

  /** Whether the thread waits for something other than a processor, or the kernel has worked for it since the last look. */
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
    Atomics.wait(sleeper, 0, 0, STALL_CHECK_MS);
    for (const thread of threads) thread.look();
  }
}

setNoNewPrivileges();
parentPort?.once('message', watch);
tellLoaded();
