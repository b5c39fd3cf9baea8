// The facts read from the host. The checks are pure functions of them.
import type { KernelFeatures } from '../../shared/sys/kernel-features.js';
import type { Confinement } from '../host/confinement.js';
import type { CgroupSurvey } from '../supervisor/cgroup/survey-cgroup.js';

export type LibraryFact =
  | { readonly loads: true; readonly version?: string }
  | { readonly loads: false; readonly why: string };

/** A command that was run to see whether the kernel permits it. */
export interface Probe {
  readonly works: boolean;
  /** The first line of its output. */
  readonly words: string;
  /** The AppArmor label of a process in the new namespace, where there is one. */
  readonly label?: string | undefined;
}

export interface UnshareFact {
  readonly path: string;
  readonly version: string;
  readonly keepsCapabilities: boolean;
  /** The program of util-linux that is not there, of those that a user's sandboxes need besides. */
  readonly misses: string | undefined;
}

/** The folder that holds postern's own files, and the first of them that other users may not read or enter. */
export interface OwnCodeFact {
  readonly folder: string;
  readonly closed?: { readonly path: string; readonly mode: string };
}

export interface HostFacts extends Confinement {
  readonly platform: string;
  readonly release: string;
  readonly architecture: string;
  readonly nodeVersion: string;
  /** ID and ID_LIKE of os-release(5). */
  readonly distribution: readonly string[];
  /** The kernel's settings by their sysctl(8) name; undefined where the kernel has no such setting. */
  readonly settings: Readonly<Record<string, string | undefined>>;
  readonly gidMap: string;
  readonly subordinate: { readonly base: number; readonly count: number; readonly configured: boolean };
  readonly ownCode: OwnCodeFact;
  readonly namespaces: Probe | undefined;
  readonly freshProc: Probe | undefined;
  readonly libseccomp: LibraryFact;
  readonly libcapNg: LibraryFact;
  readonly unshare: UnshareFact | undefined;
  readonly shell: boolean;
  readonly kernel: KernelFeatures;
  /** The ABI version, 0 for none, or the errno of a kernel that refused to tell. */
  readonly landlock: number | string;
  readonly resolvConf: string | undefined;
  readonly descriptorLimit: number;
  /** Whether `lo` is up. */
  readonly loopback: boolean;
  /** The folder in which groups for sandboxes can be made, or the reason why there is none. */
  readonly cgroup: Pick<CgroupSurvey, 'base' | 'why'>;
}
