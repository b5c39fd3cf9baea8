// What an application gives to postern and gets from it. See docs/library.md.
import type { EventEmitter } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { OpenConnections } from '../../shared/protocol/open-connections.js';
import type { ExitCause } from '../../shared/words.js';

/** A destination that no rule allows, and that the plugin waits for. */
export interface AskRequest {
  readonly id: string;
  readonly plugin: string;
  /** A name, or an address that is not special. Safe to print. */
  readonly host: string;
  /** 443 for a look-up, which has no port. */
  readonly port: number;
  /** The process that asks, on the host, if it is known, and its name, which the program chooses itself. */
  readonly pid: number | undefined;
  readonly program: string | undefined;
  /** When it was asked, and when it is denied without an answer: milliseconds since 1970. */
  readonly since: number;
  readonly deadline: number;
  /** The rule that would allow it. */
  readonly suggestion: string;
}

/** `once`: what waits. `run`: until the supervisor is closed. */
export type AskAnswer = 'once' | 'run' | 'deny';

/** What a supervisor is created with. */
export interface SupervisorSettings {
  /** HOST:PORT that serves /metrics and /healthz. Missing: no port is opened. */
  readonly metrics?: string;
  /** Where audit events go: a function, or the path of a file. Missing: nowhere. */
  readonly audit?: string | ((event: AuditEvent) => void);
  /** DNS servers to ask instead of those in /etc/resolv.conf. */
  readonly dns?: readonly string[];
  /**
   * Answers for plugins with `unknown: 'ask'`. A promise that rejects, and any other answer, is a deny.
   *
   * @param signal aborted when nobody waits for the answer any more
   */
  readonly ask?: (request: AskRequest, signal: AbortSignal) => AskAnswer | Promise<AskAnswer>;
  /** How long a question waits for its answer, in milliseconds, 1 to 120,000. Missing: a minute. */
  readonly askMs?: number;
  /**
   * The path of a control socket, or `off`. Commands such as `postern status --control PATH` ask and steer this supervisor by it. Missing: there is none.
   */
  readonly control?: string;
  /** Takes messages for the operator, as that a broker died. postern itself prints nothing. */
  readonly onNotice?: (text: string) => void;
}

/** As in child_process: `pipe` gives a stream, `ignore` is /dev/null, `inherit` is the stream of this process. */
export type Stdio = (typeof STDIO)[number];
export const STDIO = ['pipe', 'ignore', 'inherit'] as const;

/** A plugin, with the keys of postern.yaml. Paths are relative to the working directory of this process. */
export interface PluginSettings {
  /** a-z, 0-9, _ and -, at most 63 characters, a letter or digit first. */
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  /** Files with more rules. */
  readonly presets?: readonly string[];
  readonly mode?: 'enforce' | 'audit';
  /** What happens to a destination that no rule allows. Missing: `deny`. */
  readonly unknown?: 'deny' | 'ask';
  readonly egress?: 'transparent' | 'channel';
  /** A proxy that the network demands, a source address, a mark, DNS servers of its own. */
  readonly via?: {
    readonly proxy?: string;
    readonly credentials_file?: string;
    readonly resolve?: 'host' | 'both' | 'proxy';
    readonly direct?: readonly string[];
    readonly source?: string | readonly string[];
    readonly mark?: number;
    readonly resolvers?: readonly string[];
  };
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly home?: string;
  readonly filesystem?: {
    readonly visible?: readonly string[];
    readonly writable?: readonly string[];
    readonly hidden?: readonly string[];
  };
  readonly listen?: readonly { readonly name: string; readonly address: string }[];
  readonly limits?: Readonly<Record<string, number>>;
  readonly restart?: {
    readonly policy?: 'no' | 'on-failure' | 'always';
    readonly delay_ms?: number;
    readonly max_delay_ms?: number;
    readonly reset_after_ms?: number;
  };
  readonly stop?: { readonly signal?: NodeJS.Signals; readonly grace_ms?: number };
  readonly seccomp?: { readonly allow?: readonly string[]; readonly unsafe_allow?: readonly string[] };
  /** One word for all three streams, or one for each. Missing: `pipe`. */
  readonly stdio?: Stdio | readonly [stdin: Stdio, stdout: Stdio, stderr: Stdio];
}

/** The rules of a plugin that runs. What is missing is as if it were empty. */
export type PolicySettings = Pick<PluginSettings, 'allow' | 'deny' | 'mode' | 'unknown'>;

/** How a plugin ended for good. */
export interface PluginExit {
  /** The status of its first process; null if a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly cause: ExitCause;
}

export interface PluginEvents {
  /** A decision of the broker, allowed or not. */
  readonly decision: [AuditEvent<'decision'>];
  /** Something was refused: a connection, a name, UDP, or a call on a socket of the host. */
  readonly denied: [AuditEvent<'decision' | 'question' | 'datagram' | 'socket'>];
  /** A connection was made. */
  readonly connection: [AuditEvent<'decision'>];
  /** A connection has ended, with its bytes. */
  readonly closed: [AuditEvent<'closed'>];
  /** A run ended; the restart policy may start another one. */
  readonly exit: [PluginExit];
}

/** The streams of a plugin, where its `stdio` is `pipe`. They outlast a restart. */
export interface PluginStreams {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
}

/** A plugin that was started. */
export interface Plugin extends EventEmitter<PluginEvents>, PluginStreams {
  readonly name: string;
  /** Of its first process, on the host; undefined while it does not run. */
  readonly pid: number | undefined;
  /** Resolves when it has ended for good: by itself, by `stop` or with its supervisor. */
  readonly exited: Promise<PluginExit>;
  /**
   * Puts other rules in force. The program goes on.
   *
   * @throws PosternError `bad_config` for a bad rule; then the former rules stay
   */
  setPolicy(policy: PolicySettings): Promise<void>;
  /**
   * Its open connections, of which the newest 1,000 are listed, with the bytes of each so far.
   *
   * @throws PosternError `broker_failed` while there is no broker
   */
  connections(): Promise<OpenConnections>;
  /** Stops it for good: its stop signal, and SIGKILL after its time. Resolves when every process of it is gone. */
  stop(): Promise<void>;
  /** Stops it, and starts it again. */
  restart(): Promise<void>;
}

export interface PosternSupervisor extends AsyncDisposable {
  /** The port of /metrics, if the settings name an address. */
  readonly metricsPort: number | undefined;
  /** The plugins that have not ended for good. */
  readonly plugins: readonly Plugin[];
  /**
   * Starts a plugin in a sandbox of its own. All plugins of a supervisor share its broker.
   *
   * @returns the plugin, whose program has begun
   * @throws PosternError `bad_config` for settings with a mistake, `name_taken`, `closed`, and what a start refuses (docs/errors.md). The plugin
   *   is then not kept, whatever its restart policy
   */
  start(settings: PluginSettings): Promise<Plugin>;
  /** Stops every plugin and ends everything: broker, listeners, metrics. The audit file is written out. */
  close(): Promise<void>;
}
