// The resource limits that the launcher sets, from the limits of a plugin's configuration. Pure.
import type { Limits } from '../../../shared/config/limit-forms.js';
import { JOB_CONTROL_PROCESSES, NOTIFY_PROCESSES } from '../../launch/spec.js';

/** As a user, the sandbox's init has the plugin's uid, so its shell and the processes it waits for count too. */
const INIT_PROCESSES = 2;

/**
 * @param asUser whether a user started postern
 * @param grouped whether the sandbox has a control group
 * @param terminal whether the plugin has a terminal
 * @param notify whether it has a notify socket
 */
export function launchLimits(
  limits: Limits,
  {
    asUser,
    grouped,
    terminal,
    notify,
  }: {
    readonly asUser: boolean;
    readonly grouped: boolean;
    readonly terminal: boolean;
    readonly notify: boolean;
  },
): Limits {
  return {
    ...limits,
    // A control group has the same limit and counts the refusals, so it must take effect first.
    processes:
      limits.processes +
      (asUser ? INIT_PROCESSES : 0) +
      (notify && (asUser || grouped) ? NOTIFY_PROCESSES : 0) +
      (grouped ? 1 : 0) +
      (terminal ? JOB_CONTROL_PROCESSES : 0),
  };
}
