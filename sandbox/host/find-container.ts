// Recognises the container or systemd unit that postern runs in, by the signs that it leaves.
import type { Container } from './confinement.js';

export interface ContainerSigns {
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
