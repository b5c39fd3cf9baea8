// What keeps postern in: the facts that are read at every failed start, not by doctor alone.

/** What keeps postern in, and by which sign it was known. */
export interface Container {
  readonly kind: 'docker' | 'podman' | 'kubernetes' | 'systemd' | 'other';
  readonly sign: string;
  /** The unit, where systemd started postern. */
  readonly unit?: string;
}

/** What keeps postern in: the part that is read again where a sandbox does not start. */
export interface Confinement {
  readonly container: Container | undefined;
  /** The effective uid is 0. */
  readonly root: boolean;
  readonly nodePath: string;
  /** `Seccomp:` of /proc/self/status: 0, or 2 where a filter holds for postern itself. */
  readonly seccompMode: number;
  readonly appArmorLabel: string | undefined;
  readonly mountInfo: string;
  readonly uidMap: string;
}
