// What a sandbox uses: its processes, their memory and processor time, by cgroup or by /proc. Runs in the supervisor.

import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

import { namesIn } from '../../../shared/read-file.js';
import { pageBytes, ticksPerSecond } from '../../../shared/sys/rlimit.js';

/** Files of /proc that are read about one sandbox for a report of its use, and those before the supervisor turns to other work. */
const USAGE_FILES = 512;
const USAGE_FILES_AT_ONCE = 32;

// What a sandbox uses of memory and processor: of its control group where it has one, else of its processes.

export interface SandboxUse {
  /** Of a control group with the pages of files that it has read. Of processes, memory that several share counts for each. */
  readonly memoryBytes: number;
  /** Since the sandbox began. */
  readonly cpuSeconds: number;
  /** `part`: it has more processes than are read. */
  readonly measured: 'cgroup' | 'processes' | 'part';
}

/** @param roots see {@link sumProcesses} @returns undefined if it cannot be told */
export async function useOfProcesses(roots: readonly number[]): Promise<SandboxUse | undefined> {
  const sum = await sumProcesses(roots);
  return sum === undefined ? undefined : { ...inUnits(sum), measured: sum.isWhole ? 'processes' : 'part' };
}

export function inUnits({
  ticks,
  pages,
}: Pick<ProcessesUse, 'ticks' | 'pages'>): Pick<SandboxUse, 'memoryBytes' | 'cpuSeconds'> {
  return { memoryBytes: pages * pageBytes(), cpuSeconds: ticks / ticksPerSecond() };
}

// What the processes of one sandbox use, from /proc. The processes are a plugin's: they may be many, begin and end at any
// time, and have any name. So the files that are read are bounded, and the event loop turns to other work between them.

interface ProcessesUse {
  readonly ticks: number;
  readonly pages: number;
  /** False: there are more processes than were read. */
  readonly isWhole: boolean;
}

/**
 * Sums up processes and all their descendants.
 *
 * @param roots pids of children of this process that are not waited for yet, so that no other process has their pids
 * @param mostFiles of /proc that are read
 * @returns undefined if none of them is there, or if the kernel does not tell children (CONFIG_PROC_CHILDREN)
 */
export async function sumProcesses(
  roots: readonly number[],
  mostFiles: number = USAGE_FILES,
): Promise<ProcessesUse | undefined> {
  const walk = new Walk(mostFiles);
  const known = new Set(roots);
  const sum = { ticks: 0, pages: 0, found: 0 };
  // A child found on the way is appended, and comes later.
  for (const pid of known) {
    const stat = await walk.stat(pid);
    // Since it was found it may have ended, and its pid may be another process's.
    if (stat === undefined || !(roots.includes(pid) || known.has(stat.parent))) continue;
    const children = await walk.children(pid, stat.threads);
    if (children === undefined && roots.includes(pid)) return undefined;
    sum.ticks += stat.ticks;
    sum.pages += stat.pages;
    sum.found += 1;
    for (const child of children ?? []) if (known.size < mostFiles) known.add(child);
    if (walk.isOver) break;
  }
  if (sum.found === 0) return undefined;
  return { ticks: sum.ticks, pages: sum.pages, isWhole: !walk.isOver && known.size < mostFiles };
}

class Walk {
  #left: number;

  constructor(mostFiles: number) {
    this.#left = mostFiles;
  }

  get isOver(): boolean {
    // protects: G8 top: a sandbox with many processes costs a bounded time => return false;
    return this.#left <= 0;
  }

  async stat(pid: number): Promise<ProcessStat | undefined> {
    const text = await this.#read(`/proc/${pid}/stat`);
    return text === undefined ? undefined : readProcessStat(text);
  }

  /** Each thread has its own list. @returns undefined if there is none to read */
  async children(pid: number, threads: number): Promise<readonly number[] | undefined> {
    const tids = threads > 1 ? namesIn(`/proc/${pid}/task`) : [String(pid)];
    const found: number[] = [];
    let lists = 0;
    for (const tid of tids) {
      if (this.isOver) break;
      const text = await this.#read(`/proc/${pid}/task/${tid}/children`);
      if (text === undefined) continue;
      lists += 1;
      found.push(...text.split(' ').filter(Boolean).map(Number).filter(Number.isSafeInteger));
    }
    return lists === 0 && !this.isOver ? undefined : found;
  }

  async #read(path: string): Promise<string | undefined> {
    this.#left -= 1;
    if (this.#left % USAGE_FILES_AT_ONCE === 0) await setImmediate();
    try {
      return readFileSync(path, 'latin1');
    } catch {
      return undefined;
    }
  }
}

// Reads a text of /proc/PID/stat, proc_pid_stat(5). Pure. The process belongs to a plugin, and chooses its name: it may hold any character.

interface ProcessStat {
  readonly parent: number;
  readonly threads: number;
  /** Processor time of the process, and of its ended children that were waited for, in clock ticks. */
  readonly ticks: number;
  /** Memory that it has in RAM, in pages. */
  readonly pages: number;
}

/** Where the fields are, from the one behind the name on. */
const FIELD = { parent: 1, times: [11, 12, 13, 14], threads: 17, pages: 21 } as const;

/** @returns undefined for a text that no kernel writes */
export function readProcessStat(text: string): ProcessStat | undefined {
  // The name stands in parentheses. All behind it is numbers, except a letter for the state.
  const end =
    /* protects: G13 top: the name of a process forges no number => text.indexOf(') ') */ text.lastIndexOf(
      ') ',
    );
  if (end < 0) return undefined;
  const fields = text.slice(end + 2).split(' ');
  const numberAt = (at: number): number => {
    const written = fields[at] ?? '';
    return /^\d{1,15}$/.test(written) ? Number(written) : Number.NaN;
  };
  const stat = {
    parent: numberAt(FIELD.parent),
    threads: numberAt(FIELD.threads),
    ticks: FIELD.times.reduce((sum, at) => sum + numberAt(at), 0),
    pages: numberAt(FIELD.pages),
  };
  return Object.values(stat).some(Number.isNaN) ? undefined : stat;
}
