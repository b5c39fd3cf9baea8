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
