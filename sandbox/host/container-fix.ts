// The options by which a container, or a systemd unit, lets postern make its sandboxes.

import { join } from 'node:path';
import { bundlePath, DIST } from '../../shared/bundles.js';
import { CONTAINER_CALLS } from '../../shared/container-calls.js';
import type { Confinement } from './confinement.js';
import { shellWord } from './shell-word.js';

const CALLS = Object.keys(CONTAINER_CALLS)
  .join(', ')
  .replace(/, (\w+)$/, ' and $1');
const SCRIPT = bundlePath('seccomp-profile');
const DOCKER_DEFAULT = 'https://raw.githubusercontent.com/moby/profiles/main/seccomp/default.json';
const PODMAN_DEFAULT = '/usr/share/containers/seccomp.json';
/** The script makes it. The engine's client looks for it in the current folder. */
const PROFILE = 'postern-seccomp.json';
/** The profile of AppArmor, and its file in the image. */
const CONFINED = 'postern-container';
const APPARMOR = join(DIST, '../deploy/container/apparmor');
/** The first line of the id map in the host's own user namespace. */
const HOST_IDS = /^\s*0\s+0\s+4294967295\b/;

/** Words of `docker run` and `podman run`. */
export const AS_USER = ['--user', '1000:1000'] as const;

/** The sign that a filter applies to postern itself. */
export const FILTER_SIGN = 'a seccomp filter (Seccomp: 2 in /proc/self/status)';

/** The things that keep postern from making its sandboxes. */
interface Obstacles {
  readonly filter: boolean;
  readonly profile: boolean;
  readonly proc: boolean;
}

/**
 * The options for `docker run` or `podman run`.
 *
 * @returns an empty list where nothing is in the way; undefined outside of a container of these engines
 */
export function containerOptions(facts: Confinement): readonly string[] | undefined {
  const { kind } = facts.container ?? {};
  if (kind !== 'docker' && kind !== 'podman') return undefined;
  const { filter, profile, proc } = obstacles(facts);
  const values = [
    ...(filter ? [`seccomp=${PROFILE}`] : []),
    ...(profile ? [`apparmor=${CONFINED}`] : []),
    ...(proc ? [kind === 'docker' ? 'systempaths=unconfined' : 'unmask=ALL'] : []),
  ];
  return values.flatMap((value) => ['--security-opt', value]);
}

/** @returns lines of text; undefined where no container was recognised */
export function containerFix(facts: Confinement): string | undefined {
  const { container } = facts;
  const { filter, profile, proc } = obstacles(facts);
  const known = `known by ${container?.sign}`;
  switch (container?.kind) {
    case 'docker':
    case 'podman':
      return [
        `Start the container with these options (${known}):`,
        `  ${container.kind} run ${containerOptions(facts)?.join(' ')} …`,
        ...(filter ? makingProfile(container.kind, facts.nodePath) : []),
        ...(profile ? loadingProfile(container.kind) : []),
        ...(proc ? asRootOfTheHost(facts) : []),
      ].join('\n');
    case 'kubernetes':
      return [`In the pod's manifest (${known}):`, manifest(facts)].join('\n');
    case 'systemd':
      if (!filter && !coveredProc(facts.mountInfo).includes('/proc/sys')) return undefined;
      return `systemctl edit ${container.unit}, and there (${known}):\n${unit(facts)
        .map((line) => `  ${line}`)
        .join('\n')}`;
    default:
      return undefined;
  }
}

/** {@link containerFix} in one line, for an error message: what to change, without the steps. */
export function briefContainerFix(facts: Confinement): string | undefined {
  const { container } = facts;
  const { filter, profile, proc } = obstacles(facts);
  if (container === undefined || !(filter || profile || proc)) return undefined;
  switch (container.kind) {
    case 'docker':
    case 'podman':
      return `start the container with ${containerOptions(facts)?.join(' ')}`;
    case 'kubernetes':
      return `set ${securityContext(facts).join(', ')} in the securityContext of the pod`;
    case 'systemd':
      return filter || proc ? `set ${unit(facts).slice(1).join(', ')} in ${container.unit}` : undefined;
    default:
      return undefined;
  }
}

/** What to do about a seccomp filter that refuses postern's calls; undefined where no filter applies. */
export function filterFix(facts: Confinement): string | undefined {
  if (facts.seccompMode !== 2) return undefined;
  return (
    containerFix(facts) ??
    `Start postern without the seccomp filter that it inherits, or allow in that filter ${CALLS}.`
  );
}

/** The AppArmor profile that applies to postern, unless it confines nothing. */
export function confiningProfile({ appArmorLabel }: Pick<Confinement, 'appArmorLabel'>): string | undefined {
  if (appArmorLabel === undefined || /^unconfined$|\(unconfined\)$/.test(appArmorLabel)) return undefined;
  return appArmorLabel;
}

function obstacles(facts: Confinement): Obstacles {
  return {
    filter: facts.seccompMode === 2,
    profile: ![undefined, `${CONFINED} (enforce)`].includes(confiningProfile(facts)),
    proc: coveredProc(facts.mountInfo).length > 0,
  };
}

function makingProfile(engine: 'docker' | 'podman', nodePath: string): readonly string[] {
  const script = `${engine} run --rm -i --entrypoint ${shellWord(nodePath)} IMAGE ${shellWord(SCRIPT)} -`;
  const from =
    engine === 'docker'
      ? { words: `Docker's default, which is\n  ${DOCKER_DEFAULT}`, file: 'default.json' }
      : { words: "Podman's default", file: PODMAN_DEFAULT };
  return [
    `Make ${PROFILE} first, on the host, with this container's image, from ${from.words}:`,
    `  ${script} <${from.file} >${PROFILE}`,
    "Or, which removes the container's whole filter: seccomp=unconfined",
  ];
}

/** A parser before AppArmor 4 does not read the file. */
function loadingProfile(engine: 'docker' | 'podman'): readonly string[] {
  return [
    `Load the profile ${CONFINED} first, as root of the host, with this container's image:`,
    `  ${engine} run --rm --entrypoint cat IMAGE ${shellWord(APPARMOR)} >${CONFINED} && apparmor_parser -r ${CONFINED}`,
    "Or, which removes the container's whole profile, and with AppArmor 3: apparmor=unconfined",
  ];
}

/** Files of /proc/sys are protected by uid 0, not by a capability. */
function asRootOfTheHost({ root, uidMap }: Confinement): readonly string[] {
  if (!root || !HOST_IDS.test(uidMap)) return [];
  return [
    "Run it as a user too (--user 1000:1000): root of this container is root of the host, and could then write the host's /proc/sys.",
  ];
}

/** Kubernetes accepts procMount: Unmasked only with hostUsers: false. Such a pod has 65,536 ids, too few for root's ranges. */
function manifest(facts: Confinement): string {
  const { filter, profile, proc } = obstacles(facts);
  return [
    '  spec:',
    ...(proc ? ['    hostUsers: false'] : []),
    '    containers:',
    '    - securityContext:',
    ...securityContext(facts).map((line) => `        ${line}`),
    ...(filter
      ? [
          `Make ${PROFILE} first, in /var/lib/kubelet/seccomp of each node, from an engine's default: Podman's (${PODMAN_DEFAULT}),`,
          `or Docker's (${DOCKER_DEFAULT}):`,
          `  node ${shellWord(SCRIPT)} --kubernetes default.json >${PROFILE}`,
        ]
      : []),
    ...(profile ? [`Load ${APPARMOR} of the image on each node, by apparmor_parser -r.`] : []),
  ].join('\n');
}

function securityContext(facts: Confinement): readonly string[] {
  const { filter, profile, proc } = obstacles(facts);
  return [
    ...(filter ? [`seccompProfile: {type: Localhost, localhostProfile: ${PROFILE}}`] : []),
    ...(profile ? [`appArmorProfile: {type: Localhost, localhostProfile: ${CONFINED}}`] : []),
    ...(proc ? ['procMount: Unmasked', 'runAsUser: 1000'] : []),
  ];
}

function unit(facts: Confinement): readonly string[] {
  const { filter, proc } = obstacles(facts);
  return [
    '[Service]',
    ...(filter ? ['RestrictNamespaces=no', 'SystemCallFilter='] : []),
    ...(proc ? ['ProtectKernelTunables=no', 'ProtectKernelLogs=no'] : []),
  ];
}

// Finds mounts over parts of /proc. The kernel lets a user namespace mount a fresh /proc only where a whole one is visible
// already: mount_too_revealing() in its fs/namespace.c.

/** Folders below /proc that are always empty: a mount on them hides nothing. */
const EMPTY = ['/sys/fs/binfmt_misc', '/fs/nfsd'];

/**
 * @param mountInfo text of /proc/self/mountinfo, proc_pid_mountinfo(5)
 * @returns mount points below /proc; an empty list where /proc, or another mount of it, is whole
 */
export function coveredProc(mountInfo: string): readonly string[] {
  const mounts = mountInfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, , , root = '', point = ''] = line.split(' ');
      return { root, point, type: line.split(' - ')[1]?.split(' ')[0] };
    });
  const covers = mounts
    .filter(({ root, type }) => root === '/' && type === 'proc')
    .map(({ point }) => {
      const below = mounts.map((mount) => mount.point).filter((other) => other.startsWith(`${point}/`));
      return [...new Set(below)].filter((other) => !EMPTY.includes(other.slice(point.length)));
    });
  return covers.some((points) => points.length === 0) ? [] : (covers[0] ?? []);
}
