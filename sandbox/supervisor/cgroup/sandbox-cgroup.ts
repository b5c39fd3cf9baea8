// The control group of one sandbox, cgroup v2: what all of its processes use together. Runs in the supervisor; nothing of it shows
// inside.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Limits } from '../../../shared/config/limit-forms.js';
import { PosternError } from '../../../shared/errors.js';
import { CGROUP_REMOVAL_MS, LAUNCH_MEMORY_MIB } from '../../../shared/limits.js';
import type { Limit } from '../../../shared/reasons.js';

const MIB = 1024 * 1024;
const PERIOD_US = 100_000;
/** The sandbox's init: a shell, and what it waits for. */
const INIT_PROCESSES = 2;
const RETRY_MS = 10;

export type CgroupLimit = Extract<Limit, 'memory' | 'processes' | 'cpu'>;
/** How often each limit has bitten. */
export type CgroupBites = Readonly<Record<CgroupLimit, number>>;

export class SandboxCgroup {
  readonly #folder: string;
  readonly #limits: Limits;
  #removed = false;

  /** @throws PosternError `no_cgroup` */
  constructor(folder: string, limits: Limits) {
    this.#folder = folder;
    this.#limits = limits;
    mkdirSync(folder);
    try {
      const { totalMemoryMib } = limits;
      if (totalMemoryMib !== undefined) {
        this.#write('memory.max', Math.max(totalMemoryMib, LAUNCH_MEMORY_MIB) * MIB);
        this.#write('memory.oom.group', 1);
        if (this.#has('memory.swap.max') || hasSwap()) this.#write('memory.swap.max', 0);
      }
    } catch (error) {
      rmdirSync(folder);
      throw error;
    }
  }

  /** Takes a process in; what it starts belongs to the group as well. */
  add(pid: number): void {
    this.#write('cgroup.procs', pid);
  }

  /** Before the plugin's own program is there; init, which is a larger one before it is a shell, has begun by then. */
  limit(): void {
    const { totalMemoryMib, cpuPercent, processes } = this.#limits;
    this.#write('pids.max', processes + INIT_PROCESSES);
    if (cpuPercent !== undefined) this.#write('cpu.max', `${(cpuPercent * PERIOD_US) / 100} ${PERIOD_US}`);
    if (totalMemoryMib !== undefined) this.#write('memory.max', totalMemoryMib * MIB);
  }

  /** @returns zeros once it is removed */
  bites(): CgroupBites {
    return {
      memory: this.#count('memory.events', 'oom'),
      processes: this.#count('pids.events', 'max'),
      cpu: this.#count('cpu.stat', 'nr_throttled'),
    };
  }

  /** Whether the kernel has ended processes of it for want of memory. */
  get ranOutOfMemory(): boolean {
    return this.#count('memory.events', 'oom_kill') > 0;
  }

  /** Its processes have ended, or are about to. */
  async remove(): Promise<void> {
    const end = Date.now() + CGROUP_REMOVAL_MS;
    while (!this.#removed) {
      try {
        rmdirSync(this.#folder);
        this.#removed = true;
      } catch {
        if (!existsSync(this.#folder) || Date.now() > end) return;
        await pause(RETRY_MS);
      }
    }
  }

  #has(file: string): boolean {
    return existsSync(join(this.#folder, file));
  }

  #write(file: string, value: string | number): void {
    const path = join(this.#folder, file);
    try {
      // Without O_CREAT: what is not there is an error that names it.
      writeFileSync(path, String(value), { flag: 'r+' });
    } catch (error) {
      throw new PosternError('no_cgroup', `Cannot set "${path}": ${(error as Error).message}`);
    }
  }

  #count(file: string, key: string): number {
    try {
      const text = readFileSync(join(this.#folder, file), 'utf8');
      return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
    } catch {
      return 0;
    }
  }
}

/** Without swap, a kernel that does not count it is as good. */
function hasSwap(): boolean {
  return readFileSync('/proc/swaps', 'utf8').trim().split('\n').length > 1;
}
