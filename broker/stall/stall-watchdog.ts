// The watchdog, a thread of the broker's: it asks for the end of a sandbox that makes a guarded thread wait too long. See stall-guard.ts.
import { openSync, readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { STALL_CHECK_MS } from '../../shared/limits.js';
import { tellLoaded } from '../../shared/native-thread.js';
import { setNoNewPrivileges } from '../../shared/sys/process-control.js';
import { runOut } from '../../shared/sys/timerfd.js';
import { blamedMs, looksOf, STALL_FIELDS, type WatchedThread } from './judge-stall.js';
import { WaitsForProcessor } from './waits-for-processor.js';

const RUNNABLE = 'R';
/** Where stime stands after the name, proc_pid_stat(5). The state comes first. */
const SYSTEM_TIME = 12;
/**
 * What a sleeping thread waits in, proc_pid_syscall(5), if that is not a plugin's doing: futex(2), in which the threads of Node wait for
 * one another, and no call at all, which is a page of the broker's own.
 */
const OWN_WAITS = new Set(['-1', process.arch === 'arm64' ? '98' : '202']);
const text = Buffer.alloc(512);

/** A guarded thread. */
class Watched {
  readonly #fields: Int32Array;
  /** Its proc_pid_stat(5) and proc_pid_syscall(5). */
  readonly #stat: number;
  readonly #syscall: number | undefined;
  readonly #waits = new WaitsForProcessor();
  #seen = 0;
  /** In clock ticks. */
  #systemTime = 0;

  constructor({ tid, fields }: WatchedThread) {
    this.#fields = fields;
    this.#stat = openSync(`/proc/self/task/${tid}/stat`, 'r');
    this.#syscall = openSyscall(tid);
  }

  look(): void {
    const fields = this.#fields;
    const work = Atomics.load(fields, STALL_FIELDS.work);
    const alarm = Atomics.load(fields, STALL_FIELDS.alarm);
    const isFirst = work !== this.#seen;
    this.#seen = work;
    if (alarm === 0) return;
    if (isFirst) this.#waits.reset();
    const isHeld = this.#isHeld(isFirst);
    const waitedMs = isHeld === 'asleep' ? Math.round(STALL_CHECK_MS * this.#waitingShare()) : 0;
    // The work may have ended since the look; then alarm is another sandbox's, or 0.
    if (Atomics.load(fields, STALL_FIELDS.work) !== work) return;
    Atomics.add(fields, STALL_FIELDS.looks, 1);
    Atomics.add(fields, STALL_FIELDS.held, isHeld === undefined ? 0 : STALL_CHECK_MS - waitedMs);
    Atomics.add(fields, STALL_FIELDS.excused, waitedMs);
    if (alarm < 0 || !this.#isOver()) return;
    Atomics.store(fields, STALL_FIELDS.killed, 1);
    // protects: G9 a sandbox that stalls the event loop is ended
    runOut(alarm);
  }

  #isOver(): boolean {
    const fields = this.#fields;
    const blamed = blamedMs(looksOf(fields), Atomics.load(fields, STALL_FIELDS.allowance));
    return blamed > 0 && blamed >= Atomics.load(fields, STALL_FIELDS.limit);
  }

  /** Whether the thread waits for the plugin, or the kernel has worked for the thread since the last look. */
  #isHeld(isFirst: boolean): 'asleep' | 'worked' | undefined {
    const fields = read(this.#stat).split(' ', SYSTEM_TIME + 1);
    const systemTime = Number(fields[SYSTEM_TIME]);
    const worked = systemTime > this.#systemTime && !isFirst;
    this.#systemTime = systemTime;
    if (fields[0] === RUNNABLE) return worked ? 'worked' : undefined;
    const call = this.#syscall === undefined ? '' : read(this.#syscall).split(' ', 1)[0];
    return OWN_WAITS.has(call ?? '') ? undefined : 'asleep';
  }

  /** The part of the time in which the plugin waits for a processor. */
  #waitingShare(): number {
    const caller = Atomics.load(this.#fields, STALL_FIELDS.caller);
    return caller > 0 ? this.#waits.share(caller) : 0;
  }
}

/**
 * Without it each wait of the broker counts as a plugin's doing. That is accepted of a kernel that is built without this file, but any other error is
 * one of this process, and the broker does not start.
 */
function openSyscall(tid: number): number | undefined {
  try {
    return openSync(`/proc/self/task/${tid}/syscall`, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A file of one line, without the name of proc_pid_stat(5), which a thread chooses. */
function read(file: number): string {
  const length = readSync(file, text, 0, text.length, 0);
  const line = text.toString('latin1', 0, length);
  return line.slice(line.lastIndexOf(')') + 1).trim();
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
