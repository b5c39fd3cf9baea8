// The resource limits that the launcher sets, from the limits of a plugin's configuration. Pure.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { LaunchSpec } from '../../launch/spec.js';

/** As a user, the sandbox's init has the plugin's uid, so its shell and the processes it waits for count too. */
const INIT_PROCESSES = 2;
const MIB = 1024 * 1024;

/**
 * @param asUser whether a user started postern
 * @param grouped whether the sandbox has a control group
 */
export function launchLimits(
  limits: PluginConfig['limits'],
  { asUser, grouped }: { readonly asUser: boolean; readonly grouped: boolean },
): LaunchSpec['limits'] {
  const bytes = (mib: number | undefined): number | undefined => (mib === undefined ? undefined : mib * MIB);
  return {
    descriptors: limits.descriptors,
    // A control group has the same limit and counts the refusals, so it must take effect first.
    processes: limits.processes + (asUser ? INIT_PROCESSES : 0) + (grouped ? 1 : 0),
    dataBytes: bytes(limits.memoryMib),
    cpuSeconds: limits.cpuSeconds,
    fileBytes: bytes(limits.fileMib),
  };
}
