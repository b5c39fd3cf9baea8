// Why a plugin ended, as far as it can be seen from outside. Pure.
import { constants } from 'node:os';
import type { Limits } from '../../shared/config/limit-forms.js';
import type { ExitCause } from '../../shared/reasons.js';
import type { PluginEnd } from './sandbox.js';

const { SIGXCPU, SIGXFSZ } = constants.signals;

/**
 * @returns the limit whose signal ended the plugin's first process. Other limits are an errno inside, which nobody outside sees,
 *   and so is the end of a process that handles these signals.
 */
export function limitThatEnded(end: PluginEnd, limits: Limits): 'cpu_seconds' | 'file_mib' | undefined {
  if (end.kind !== 'killed') return undefined;
  if (end.signal === SIGXCPU && limits.cpuSeconds !== undefined) return 'cpu_seconds';
  if (end.signal === SIGXFSZ && limits.fileMib !== undefined) return 'file_mib';
  return undefined;
}

/** @param stopped whether it was told to end */
export function exitCause(end: PluginEnd, limits: Limits, stopped: boolean): ExitCause {
  if (stopped) return 'operator';
  if (limitThatEnded(end, limits) !== undefined) return 'limit';
  if (end.kind === 'killed') return 'signal';
  return end.status === 0 ? 'exit' : 'error';
}
