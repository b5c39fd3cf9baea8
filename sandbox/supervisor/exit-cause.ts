// Finds out why a plugin ended, as far as that shows from outside. Pure.
import { constants } from 'node:os';
import type { LimitName, Limits } from '../../shared/config/limit-forms.js';
import type { ExitCause } from '../../shared/reasons.js';
import type { PluginEnd } from './start/sandbox.js';

const { SIGKILL, SIGXCPU, SIGXFSZ } = constants.signals;

type EndingLimit = Extract<LimitName, 'total_memory_mib' | 'cpu_seconds' | 'file_mib'>;

/**
 * @returns the limit whose signal ended the plugin's first process. Other limits give the plugin an errno, which nobody outside
 *   sees. A process that handles these signals may end in another way.
 */
export function limitThatEnded(end: PluginEnd, limits: Limits, outOfMemory = false): EndingLimit | undefined {
  if (end.kind !== 'killed') return undefined;
  if (end.signal === SIGKILL && outOfMemory) return 'total_memory_mib';
  if (end.signal === SIGXCPU && limits.cpuSeconds !== undefined) return 'cpu_seconds';
  if (end.signal === SIGXFSZ && limits.fileMib !== undefined) return 'file_mib';
  return undefined;
}

/** @param how `stopped`: postern told it to end; `outOfMemory`: the kernel killed processes of its control group */
export function exitCause(
  end: PluginEnd,
  limits: Limits,
  {
    stopped = false,
    outOfMemory = false,
  }: { readonly stopped?: boolean; readonly outOfMemory?: boolean } = {},
): ExitCause {
  if (stopped) return 'operator';
  const limit = limitThatEnded(end, limits, outOfMemory);
  if (limit !== undefined) return limit === 'total_memory_mib' ? 'oom' : 'limit';
  if (end.kind === 'killed') return 'signal';
  return end.status === 0 ? 'exit' : 'error';
}
