// The options by which a container, or a unit of systemd's, lets postern make its sandboxes: those that the facts ask for.
import { coveredProc } from './covered-proc.js';
import type { HostFacts } from './host-facts.js';

/** What the launcher does that such filters refuse to a process without CAP_SYS_ADMIN. */
const CALLS = 'unshare, mount, umount2, pivot_root, open_tree, move_mount, mount_setattr and sethostname';

/** How it is known that a filter holds for postern itself. */
export const FILTER_SIGN = 'a seccomp filter (Seccomp: 2 in /proc/self/status)';

/** @returns lines of text; undefined where postern runs in nothing that was recognised */
export function containerMend(facts: HostFacts): string | undefined {
  const filter = facts.seccompMode === 2;
  const profile = confiningProfile(facts) !== undefined;
  const proc = coveredProc(facts.mountInfo).length > 0;
  const narrower = filter
    ? `\nNarrower than seccomp=unconfined: --security-opt seccomp=FILE with the engine's default profile and ${CALLS} allowed in it.`
    : '';
  const known = `known by ${facts.container?.sign}`;
  const started = `Start the container with these options (${known}):`;
  switch (facts.container?.kind) {
    case 'docker':
      return `${started}\n${engine('docker', filter, profile, proc ? 'systempaths=unconfined' : '')}${narrower}`;
    case 'podman':
      return `${started}\n${engine('podman', filter, profile, proc ? 'unmask=ALL' : '')}${narrower}`;
    case 'kubernetes':
      return `In the pod's manifest (${known}):\n${manifest(filter, profile, proc)}`;
    case 'systemd':
      if (!filter && !coveredProc(facts.mountInfo).includes('/proc/sys')) return undefined;
      return `systemctl edit ${facts.container.unit}, and there (${known}):\n${unit(filter, proc)}`;
    default:
      return undefined;
  }
}

/** What to do about a seccomp filter that refuses what the launcher does; undefined where none holds. */
export function filterMend(facts: HostFacts): string | undefined {
  if (facts.seccompMode !== 2) return undefined;
  return (
    containerMend(facts) ??
    `Start postern without the filter that whatever started it has set, or allow in it ${CALLS}.`
  );
}

/** The AppArmor profile that holds for postern, unless it is one that confines nothing. */
export function confiningProfile({ appArmorLabel }: HostFacts): string | undefined {
  if (appArmorLabel === undefined || /^unconfined$|\(unconfined\)$/.test(appArmorLabel)) return undefined;
  return appArmorLabel;
}

function engine(command: string, filter: boolean, profile: boolean, proc: string): string {
  const options = [filter ? 'seccomp=unconfined' : '', profile ? 'apparmor=unconfined' : '', proc].filter(
    (option) => option !== '',
  );
  return `  ${command} run ${options.map((option) => `--security-opt ${option}`).join(' ')} …`;
}

/** procMount: Unmasked is accepted with hostUsers: false alone, where a pod has 65,536 ids: too few for root's ranges. */
function manifest(filter: boolean, profile: boolean, proc: boolean): string {
  return [
    '  spec:',
    ...(proc ? ['    hostUsers: false'] : []),
    '    containers:',
    '    - securityContext:',
    ...(filter ? ['        seccompProfile: {type: Unconfined}'] : []),
    ...(profile ? ['        appArmorProfile: {type: Unconfined}'] : []),
    ...(proc ? ['        procMount: Unmasked', '        runAsUser: 1000'] : []),
  ].join('\n');
}

function unit(filter: boolean, proc: boolean): string {
  return [
    '  [Service]',
    ...(filter ? ['  RestrictNamespaces=no', '  SystemCallFilter='] : []),
    ...(proc ? ['  ProtectKernelTunables=no', '  ProtectKernelLogs=no'] : []),
  ].join('\n');
}
