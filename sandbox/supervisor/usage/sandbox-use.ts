// What a sandbox uses of memory and processor: of its control group where it has one, else of its processes. Runs in the supervisor.
import { pageBytes, ticksPerSecond } from '../../../shared/sys/rlimit.js';
import { type ProcessesUse, sumProcesses } from './sandbox-processes.js';

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
  return sum === undefined ? undefined : inUnits(sum);
}

function inUnits({ ticks, pages, isWhole }: ProcessesUse): SandboxUse {
  return {
    memoryBytes: pages * pageBytes(),
    cpuSeconds: ticks / ticksPerSecond(),
    measured: isWhole ? 'processes' : 'part',
  };
}
