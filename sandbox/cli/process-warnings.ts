// The warning of `check` and `up` about limits of processes that are more in sum than all sandboxes may have together. Pure.
import type { Config } from '../../shared/config/load-config.js';
import type { CheckWarning } from './check-warning.js';

/** @param inAll how many processes all sandboxes may have together; undefined for any number */
export function processWarnings(
  { plugins, keyOf, placeOf }: Pick<Config, 'plugins' | 'keyOf' | 'placeOf'>,
  inAll: number | undefined,
): readonly CheckWarning[] {
  const limits = plugins.map(({ config: { name, limits } }) => ({ name, processes: limits.processes }));
  const sum = limits.reduce((total, { processes }) => total + processes, 0);
  const [most] = [...limits].sort((a, b) => b.processes - a.processes);
  if (
    inAll === undefined ||
    most === undefined ||
    limits.length < 2 ||
    /* protects: G8 limits of processes that are too many in sum are told => true */ sum <= inAll
  )
    return [];
  const { name } = most;
  const place = placeOf(keyOf(name, ['limits', 'processes'])) ?? placeOf(['plugins', name]) ?? '';
  const message = `The limits "processes" of the ${limits.length} plugins are ${sum} in sum, but RLIMIT_NPROC lets them and their user have ${inAll} in all: one plugin can use these up, and then no other one can fork or start; lower "processes", or raise the limit (ulimit -u, or LimitNPROC= of a systemd unit)`;
  return [{ plugin: name, place, message }];
}
