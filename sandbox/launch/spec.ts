// What the supervisor tells a launcher, and the launcher the supervisor, over the launch socket. Both ends are postern's.

/** One thing in the plugin's root, made in the order of the list. Paths are absolute, inside the new root. */
export type RootEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly to: string }
  | { readonly kind: 'file'; readonly path: string; readonly content: string }
  /** An empty file system of its own, writable, at most so large. */
  | { readonly kind: 'scratch'; readonly path: string; readonly mib: number; readonly mode: number }
  /** The host's `source`, which may be a directory or not, with all that is mounted below it. */
  | {
      readonly kind: 'bind';
      readonly path: string;
      readonly source: string;
      readonly directory: boolean;
      readonly writable: boolean;
      readonly device?: boolean;
      /** As root: what belongs to the owner of `source` belongs to the plugin here, and the other way round; `needed`: or nothing starts. */
      readonly asOwner?: 'needed' | 'asked' | 'by itself';
      /** The source is a folder whose path must not lead through a link. */
      readonly noLinks?: boolean;
      /** Index into the spec's tree descriptors, where the supervisor (root) has copied the tree. */
      readonly tree?: number;
    }
  /** Empty and read-only, over what lies at the path; what comes after it may lie upon it. */
  | { readonly kind: 'mask'; readonly path: string; readonly directory: boolean };

export interface LaunchSpec {
  /** Ids of the new user namespace to take on; absent where the launcher has its ids already (started by a user). */
  readonly becomeIds?: { readonly uid: number; readonly gid: number };
  readonly hostname: string;
  readonly root: readonly RootEntry[];
  /** Landlock: directories and files that may be written. */
  readonly writableDirectories: readonly string[];
  readonly writableFiles: readonly string[];
  /** Which of the standard streams are terminals: Landlock lets them be opened again by /proc/self/fd. */
  readonly terminals: readonly number[];
  /** The standard stream whose terminal gets the plugin's process group as its foreground; -1 for none. */
  readonly foreground: number;
  readonly cwd: string;
  /** Program and arguments; the program is searched in the environment's PATH, execvp(3). */
  readonly command: readonly string[];
  /** KEY=VALUE */
  readonly environment: readonly string[];
  /** setrlimit(2); what is absent is left as it is. */
  readonly limits: {
    readonly descriptors: number;
    readonly processes: number;
    readonly dataBytes?: number | undefined;
    readonly cpuSeconds?: number | undefined;
    readonly fileBytes?: number | undefined;
  };
  /** `transparent`: connect, bind and listen are reported to the broker. `channel`: they are refused. */
  readonly egress: 'transparent' | 'channel';
  /** A control group bounds the sandbox: the launcher waits until it has been taken in, for GO_WORD. */
  readonly grouped: boolean;
  /** System calls beside those of every plugin, by name. */
  readonly addedCalls: readonly string[];
  /** Signals that the plugin finds ignored, by number: those that were when postern was started. */
  readonly ignoredSignals: readonly number[];
  /** How many listeners come between the standard streams and the channel. */
  readonly listeners: number;
  /** Names of protections to leave out: for tests that prove that each of them is needed, and for nothing else. */
  readonly unsafeWithout: readonly string[];
}

/** The spec's first packet: how many bytes of JSON follow in packets of their own. It bears the descriptors. */
export interface SpecHeader {
  readonly bytes: number;
  /** Standard streams, listeners and channel; the rest of the descriptors are trees. */
  readonly passed: number;
}

/** Steps of a launch, as an error names them. */
export type LaunchStep =
  | 'namespaces'
  | 'spec'
  | 'ids'
  | 'hostname'
  | 'network'
  | 'root'
  | 'descriptors'
  | 'limits'
  | 'capabilities'
  | 'landlock'
  | 'seccomp'
  | 'command';

/**
 * Launcher to supervisor: this word right before execve. Success is the word and then the end, since execve closes the
 * launcher's end of the socket; a failure is a {@link LaunchFailure} as JSON, before or after the word.
 */
export const EXEC_WORD = 'exec';
export const GO_WORD = 'go';

/**
 * The descriptors that come with the word where egress is transparent, in this order: the filter's listener, and the UDP and
 * the listening TCP socket of port 53 of the sandbox's loopback. The launcher keeps none of them.
 */
export const TRAP_DESCRIPTORS = 3;

/** Whether a plugin's calls are reported: without its filters none are, which tests alone may ask for. */
export function hasTrap({ egress, unsafeWithout }: LaunchSpec): boolean {
  return egress === 'transparent' && !unsafeWithout.includes('trap') && !unsafeWithout.includes('seccomp');
}

/** What went wrong, at which step. */
export interface LaunchFailure {
  readonly step: LaunchStep;
  readonly code: string;
  readonly message: string;
  readonly fix?: string | undefined;
  /** 126 or 127 where the command is at fault, else 125. */
  readonly exitStatus: number;
}

export const SPEC_CHUNK_BYTES = 65_536;
/** The launcher's end of the launch socket. Listeners' and channel's places begin here, where no descriptor of Node's lies. */
export const LAUNCH_SOCKET_FD = 3;

/** Between supervisor and init, in this order; see init.ts. */
export const INIT_WORDS = {
  hello: 'hello',
  adopted: 'adopted',
  tied: 'tied',
  stay: 'stay',
  ready: 'ready',
} as const;
