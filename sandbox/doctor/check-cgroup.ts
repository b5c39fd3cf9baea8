// Control groups: two limits need a delegated one, the others need none.
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';

export function checkCgroup({ cgroup, root, container }: HostFacts): Check {
  const check = {
    name: 'cgroup',
    needed: 'a delegated one of version 2, for total_memory_mib and cpu_percent',
  };
  if (cgroup.base !== undefined) return { ...check, state: 'ok', found: `"${cgroup.base}" is delegated` };
  const consequence = 'Without it a plugin with one of these limits does not start.';
  return {
    ...check,
    state: 'degraded',
    found: cgroup.why ?? 'none',
    fix: `${consequence} ${howToStart(root, container)}`,
  };
}

function howToStart(root: boolean, container: HostFacts['container']): string {
  if (container?.kind === 'systemd')
    return `systemctl edit ${container.unit}, and there:\n  [Service]\n  Delegate=yes`;
  if (container !== undefined)
    return "The container's engine has to mount /sys/fs/cgroup writable, as Docker does with --privileged.";
  return `Start postern in one:\n  systemd-run ${root ? '' : '--user '}--scope -p Delegate=yes postern …`;
}
