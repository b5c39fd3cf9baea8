// Whether a plugin's process waits for a processor, so that nobody holds the lock on purpose. Runs in the broker, on the watchdog. Trusts
// nothing from the plugin, which can make such waiting itself: judge-stall.ts bounds what it excuses.
import { opendirSync, readFileSync } from 'node:fs';

/** Threads of a process that the watchdog looks at. */
const STALL_THREADS_LOOKED_AT = 64;

const RUNNABLE = 'R';

interface Seen {
  readonly nanoseconds: number;
  readonly at: number;
}

/** The threads of the process that a stalled thread waits for. */
export class WaitsForProcessor {
  /** Processor time of each thread, when it was first seen. The kernel updates that time at its ticks only, so looks in a row tell nothing. */
  readonly #first = new Map<string, Seen>();

  /** Another step begins. */
  reset(): void {
    this.#first.clear();
  }

  /**
   * The part of the time, 0 to 1, that a runnable thread waited for a processor since it was first seen. If there are several, the one that
   * waited most may be the one that matters. A thread that is new has only waited.
   *
   * @param tid any thread of the process
   */
  share(tid: number): number {
    let share = 0;
    for (const thread of threadsOf(tid)) {
      const now = performance.now();
      const of = readThread(`/proc/${tid}/task/${thread}`);
      if (of === undefined) continue;
      const first = this.#first.get(thread);
      if (first === undefined) this.#first.set(thread, { nanoseconds: of.nanoseconds, at: now });
      if (of.state !== RUNNABLE) continue;
      const ran = first === undefined ? 0 : (of.nanoseconds - first.nanoseconds) / 1e6 / (now - first.at);
      share = Math.max(share, 1 - Math.min(1, ran));
    }
    return share;
  }
}

/** The first threads of a process, STALL_THREADS_LOOKED_AT at most. */
function threadsOf(tid: number): readonly string[] {
  const found: string[] = [];
  try {
    const folder = opendirSync(`/proc/${tid}/task`);
    try {
      for (let left = STALL_THREADS_LOOKED_AT; left > 0; left -= 1) {
        const entry = folder.readSync();
        if (entry === null) break;
        found.push(entry.name);
      }
    } finally {
      folder.closeSync();
    }
  } catch {
    // The process has ended, or /proc hides it: nothing is excused.
  }
  return found;
}

/** Its state, proc_pid_stat(5), and its processor time so far, which the kernel's sched-stats.rst describes. */
function readThread(folder: string): { readonly state: string; readonly nanoseconds: number } | undefined {
  try {
    const stat = readFileSync(`${folder}/stat`, 'latin1');
    const nanoseconds = Number(readFileSync(`${folder}/schedstat`, 'latin1').split(' ', 1)[0]);
    return { state: stat.charAt(stat.lastIndexOf(')') + 2), nanoseconds };
  } catch {
    return undefined;
  }
}
