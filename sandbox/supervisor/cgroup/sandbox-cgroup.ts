// The control group of one sandbox, cgroup v2, which limits all of its processes together. Runs in the supervisor. The group does not
// show inside.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CgroupLimitWord, Limits } from '../../../shared/config/limit-forms.js';
import { PosternError } from '../../../shared/errors.js';

/** Memory that the cgroup of a sandbox leaves to its launch at least, and how long postern waits for the processes of a cgroup to end. */
const LAUNCH_MEMORY_MIB = 256;
const CGROUP_REMOVAL_MS = 5_000;

const MIB = 1024 * 1024;
const PERIOD_US = 100_000;
/** The sandbox's init. */
const INIT_PROCESSES = 1;
const RETRY_MS = 10;

/** What the processes of a group use together. */
export interface CgroupUse {
  /** With the pages of files that they have read. */
  readonly memoryBytes: number;
  /** Since the group was made. */
  readonly cpuSeconds: number;
}

/** What a start does with the group of its sandbox. */
export type StartedCgroup = Pick<SandboxCgroup, 'add' | 'limit'>;

/** How often each limit took effect. */
export type CgroupBites = Readonly<Record<CgroupLimitWord, number>>;

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

  /** Moves a process into the group. Its later children belong to the group too. */
  add(pid: number): void {
    this.#write('cgroup.procs', pid);
  }

  /**
   * Sets the limits before the plugin's program starts. Init, which is larger before it becomes a shell, has started by then.
   *
   * @param beside how many processes of postern come beside the plugin's
   */
  limit(beside: number): void {
    const { totalMemoryMib, cpuPercent, processes } = this.#limits;
    this.#write('pids.max', processes + INIT_PROCESSES + beside);
    if (cpuPercent !== undefined) this.#write('cpu.max', `${(cpuPercent * PERIOD_US) / 100} ${PERIOD_US}`);
    if (totalMemoryMib !== undefined) this.#write('memory.max', totalMemoryMib * MIB);
  }

  /** For the gateway of the plugin. It starts before the plugin's program, and again while that runs: the plugin's own start sets the limits. */
  get forGateway(): StartedCgroup {
    return { add: (pid) => this.add(pid), limit: () => {} };
  }

  /** @returns zeros after the group is removed */
  bites(): CgroupBites {
    return {
      memory: this.#count('memory.events', 'oom'),
      processes: this.#count('pids.events', 'max'),
      cpu: this.#count('cpu.stat', 'nr_throttled'),
    };
  }

  /** @returns undefined if the kernel does not say, as after the group is removed */
  use(): CgroupUse | undefined {
    try {
      const memoryBytes = Number(readFileSync(join(this.#folder, 'memory.current'), 'utf8'));
      return { memoryBytes, cpuSeconds: this.#count('cpu.stat', 'usage_usec') / 1e6 };
    } catch {
      return undefined;
    }
  }

  /** Whether the kernel has killed processes of the group for using too much memory. */
  get ranOutOfMemory(): boolean {
    return this.#count('memory.events', 'oom_kill') > 0;
  }

  /** Removes the group. Its processes have ended, or are about to. */
  async remove(): Promise<void> {
    const end = performance.now() + CGROUP_REMOVAL_MS;
    while (!this.#removed) {
      try {
        rmdirSync(this.#folder);
        this.#removed = true;
      } catch {
        if (!existsSync(this.#folder) || performance.now() > end) return;
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
      // Without O_CREAT a missing file is an error that names it.
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

/** Without swap it does not matter that the kernel does not count it. */
function hasSwap(): boolean {
  return readFileSync('/proc/swaps', 'utf8').trim().split('\n').length > 1;
}
