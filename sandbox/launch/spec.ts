// The messages between supervisor and launcher on the launch socket. Both ends are postern's own code.
import type { Limits } from '../../shared/config/limit-forms.js';
import type { ProcessFilter } from './filters.js';

/** Where its POSIX message queues show. */
export const MESSAGE_QUEUES = '/dev/mqueue';

/** One entry of the plugin's root. Entries are made in the order of the list. Paths are absolute, inside the new root. */
export type RootEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly to: string }
  | { readonly kind: 'file'; readonly path: string; readonly content: string }
  /** An empty, writable file system of bounded size. */
  | { readonly kind: 'scratch'; readonly path: string; readonly mib: number; readonly mode: number }
  /**
   * The host's `source`, a directory or another file, with everything that is mounted below it. No part of that path is a link: a start that
   * finds one there fails, since a plugin may have put it there meanwhile.
   */
  | {
      readonly kind: 'bind';
      readonly path: string;
      readonly source: string;
      readonly directory: boolean;
      readonly writable: boolean;
      readonly device?: boolean;
      /** As root: files of the owner of `source` show as the plugin's here, and the other way round. `needed`: the start fails without it. */
      readonly asOwner?: 'needed' | 'asked' | 'by itself';
      /** The folder of the host whose owner counts, where it is not this one's own. */
      readonly ownerOf?: string;
      /** The index into the spec's tree descriptors, where the supervisor (root) has copied the mount. */
      readonly tree?: number;
    }
  /** Covers the path with an empty, read-only mount. Later entries may lie on top of it. */
  | {
      readonly kind: 'mask';
      readonly path: string;
      readonly directory: boolean;
      /** A file that has gone meanwhile needs no mask. */
      readonly ifThere?: boolean;
      /** Of a file: what shows in its place, in base64. Missing: nothing. */
      readonly content?: string;
    };

/** A pseudo-terminal of the sandbox. */
export interface TerminalSpec {
  /** The standard streams that it replaces. */
  readonly streams: readonly number[];
  /** struct termios2 and struct winsize, in base64. */
  readonly modes: string;
  readonly size: string;
}

export interface LaunchSpec {
  /** As root: the ids of the new user namespace to take. */
  readonly becomeIds?: { readonly uid: number; readonly gid: number };
  /** As a user: the user's ids, which the launcher maps. They are 0 in the user namespace around. */
  readonly mapIds?: { readonly uid: number; readonly gid: number };
  readonly hostname: string;
  readonly root: readonly RootEntry[];
  /** Directories and files that the plugin may write, for Landlock. */
  readonly writableDirectories: readonly string[];
  readonly writableFiles: readonly string[];
  /** The plugin gets a terminal of its own; undefined: it has none. */
  readonly terminal?: TerminalSpec | undefined;
  readonly cwd: string;
  /** Program and arguments; the program is searched in the environment's PATH, execvp(3). */
  readonly command: readonly string[];
  /** KEY=VALUE */
  readonly environment: readonly string[];
  /** Some of them are set by setrlimit(2). A missing limit is not changed. */
  readonly limits: Limits;
  /** `transparent`: connect, bind and listen are reported to the broker. `channel`: they are refused. */
  readonly egress: 'transparent' | 'channel';
  readonly filter: ProcessFilter;
  /** The filter expects that Landlock keeps the plugin from every AF_UNIX socket of the host. */
  readonly keepsUnix: boolean;
  /** The numbers of signals that the plugin finds ignored, because postern found them ignored at its start. */
  readonly ignoredSignals: readonly number[];
  /** Whether the plugin has a notify socket, with egress `transparent`. */
  readonly hasNotices: boolean;
  /** How many listeners come between the standard streams and the channel. */
  readonly listeners: number;
  /** Where its gateway listens in the sandbox. Only where egress is `transparent`. */
  readonly gateway: readonly GatewayPlace[];
}

/** An address of the sandbox's own, as text, and a port. */
export interface GatewayPlace {
  readonly address: string;
  readonly port: number;
}

/** The packet of the spec. Its first descriptor is a file that holds the {@link LaunchSpec} as JSON: a packet would be too small for a large environment. */
export interface SpecHeader {
  /** How many descriptors are standard streams, listeners and channel; those behind them are trees. */
  readonly passed: number;
}

/** The steps of a launch, as errors name them. */
export const LAUNCH_STEPS = [
  'namespaces',
  'spec',
  'ids',
  'hostname',
  'network',
  'root',
  'descriptors',
  'limits',
  'capabilities',
  'landlock',
  'seccomp',
  'command',
] as const;
export type LaunchStep = (typeof LAUNCH_STEPS)[number];
/** What helps if there is no program to run. The launcher has no other fixes. */
export const LAUNCH_FIXES = [
  'name a program',
  'if the host has it, make it visible to the plugin with --visible PATH, or filesystem.visible',
] as const;
export type LaunchFix = (typeof LAUNCH_FIXES)[number];
/** The characters of a message. The launcher leaves out what is more. */
export const MOST_MESSAGE = 4_096;

/**
 * The launcher sends this word when all is prepared: the filter is loaded, and what is left is done in its own memory. Then it waits for
 * {@link GO_WORD}. A failure is a {@link LaunchFailure} as JSON, before or after the word.
 */
export const PREPARED_WORD = 'exec';
/**
 * The supervisor's answer, once the rules are in force and the gateway listens. The launcher sets the last limits and calls execve. Success is
 * the end of the stream: execve closes the launcher's end of the socket.
 */
export const GO_WORD = 'go';

/**
 * Where egress is transparent, these descriptors come with {@link PREPARED_WORD}, in this order: the notifyFd of the filter; the UDP socket and the
 * listening TCP socket of port 53 on the sandbox's loopback; a netlink socket that asks about its AF_UNIX sockets; its root folder
 * (O_PATH). Behind them come the listeners of the gateway, if there is one. The launcher keeps none of them.
 */
export const TRAP_DESCRIPTORS = 5;
/** The processes beside a plugin with a terminal, see launch-steps.ts. They count in its limits. */
export const JOB_CONTROL_PROCESSES = 3;
/** The process that reads a plugin's notify socket, see init.ts. It counts likewise, where it has the plugin's uid or control group. */
export const NOTICE_PROCESSES = 1;
/** If the plugin has a terminal, both of its ends come behind these: the master, then the terminal. */
export const TERMINAL_DESCRIPTORS = 2;

/** Whether a plugin's calls are reported. */
export function hasTrap({ egress }: Pick<LaunchSpec, 'egress'>): boolean {
  // test point: trap => return false;
  // test point: seccomp => return false;
  return egress === 'transparent';
}

/** The error of a launch, with its step. The supervisor takes no other form: others can speak for the launcher. */
export interface LaunchFailure {
  readonly step: LaunchStep;
  readonly code: string;
  readonly message: string;
  readonly fix: LaunchFix | undefined;
  /** 126 or 127 where the command is at fault, else 125. */
  readonly exitStatus: number;
}

/** The launcher's end of the launch socket. The numbers of listeners and channel begin here, where Node has no descriptors. */
export const LAUNCH_SOCKET_FD = 3;
/** The folder of postern's code, for launcher and init. */
export const CODE_FD = 5;
/** The first of the dynamic loaders by which init and launcher are started, see closed-programs.ts. */
export const LOADERS_FD = 7;

/** What init gets as JSON. */
export interface InitSpec {
  readonly filter: ProcessFilter;
  readonly programs: InitPrograms;
}

/** The words that start sleep(1), which init becomes, and dd(1), which reads a notify socket. */
export interface InitPrograms {
  readonly sleep: readonly [loader: string, program: string];
  readonly copy: readonly [loader: string, program: string];
}

/** Devices of the host that a sandbox shows in /dev. */
export const DEVICES: readonly string[] = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/** argv[0] of init, once it is the sandbox's pid 1 for good. Other supervisors know it by this name. */
export const INIT_NAME = 'postern-init';

/**
 * The messages between supervisor and init, in this order; see init.ts. Behind `stay` comes the {@link InitSpec}. If the plugin has a notify socket, a pipe comes
 * with `stay`, and the socket with `ready`. When init has become its last program, its end of the socket is closed.
 */
export const INIT_WORDS = {
  hello: 'hello',
  adopted: 'adopted',
  tied: 'tied',
  stay: 'stay',
  ready: 'ready',
} as const;
