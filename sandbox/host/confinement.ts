// What confines this process already: container, user namespace, seccomp, AppArmor.
import { existsSync, realpathSync } from 'node:fs';
import { readIfThere } from '../../shared/read-file.js';

// The facts about the confinement that postern itself runs in. doctor reads them, and so does every failed start.

/** The container that postern runs in, and the sign by which it was recognised. */
export interface Container {
  readonly kind: 'docker' | 'podman' | 'kubernetes' | 'systemd' | 'other';
  readonly sign: string;
  /** The unit, where systemd started postern. */
  readonly unit?: string;
}

/** The confinement of postern, as it is read again where a sandbox does not start. */
export interface Confinement {
  readonly container: Container | undefined;
  /** The effective uid is 0. */
  readonly root: boolean;
  readonly nodePath: string;
  /** `Seccomp:` in /proc/self/status: 0, or 2 where a filter applies to postern itself. */
  readonly seccompMode: number;
  readonly appArmorLabel: string | undefined;
  readonly mountInfo: string;
  readonly uidMap: string;
}

// Recognises the container or systemd unit that postern runs in, by the signs that it leaves.

interface ContainerSigns {
  readonly exists: (path: string) => boolean;
  /** The text of a file, or undefined. */
  readonly read: (path: string) => string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function findContainer({ exists, read, environment }: ContainerSigns): Container | undefined {
  if (environment['KUBERNETES_SERVICE_HOST'] !== undefined)
    return { kind: 'kubernetes', sign: 'KUBERNETES_SERVICE_HOST in the environment' };
  if (exists('/run/.containerenv')) return { kind: 'podman', sign: '/run/.containerenv' };
  if (exists('/.dockerenv')) return { kind: 'docker', sign: '/.dockerenv' };
  const cgroup = read('/proc/self/cgroup') ?? '';
  const word = /kubepods|docker|libpod|containerd|lxc/.exec(cgroup)?.[0];
  if (word !== undefined) {
    const kinds = { kubepods: 'kubernetes', docker: 'docker', libpod: 'podman' } as const;
    const kind = word in kinds ? kinds[word as keyof typeof kinds] : 'other';
    return { kind, sign: `"${word}" in /proc/self/cgroup` };
  }
  const manager = read('/run/systemd/container')?.trim();
  if (manager !== undefined) return { kind: 'other', sign: `/run/systemd/container: ${manager}` };
  const unit = /\/system\.slice\/(?:[^\n]*\/)?([^\n/]+\.service)$/m.exec(cgroup)?.[1];
  if (unit !== undefined) return { kind: 'systemd', sign: `${unit} in /proc/self/cgroup`, unit };
  return undefined;
}

// Reads the confinement of postern: its container, and what that forbids. A failed start calls it too, so it runs no program.

export function readConfinement(): Confinement {
  return {
    container: findContainer({ exists: existsSync, read: readIfThere, environment: process.env }),
    root: process.geteuid?.() === 0,
    nodePath: realpathSync(process.execPath),
    seccompMode: Number(/^Seccomp:\s*(\d)/m.exec(readIfThere('/proc/self/status') ?? '')?.[1] ?? 0),
    appArmorLabel: readIfThere('/proc/self/attr/apparmor/current')?.trim(),
    mountInfo: readIfThere('/proc/self/mountinfo') ?? '',
    uidMap: readIfThere('/proc/self/uid_map') ?? '',
  };
}
