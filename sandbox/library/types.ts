// What an application gives to postern and gets from it. See docs/library.md.
import type { ChildProcess, CommonSpawnOptions } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { GatewayKeys, ProgramKeys, WrittenSecrets } from '../../shared/config/config-file.js';
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
export type StreamKind = (typeof STREAM_KINDS)[number];
export const STREAM_KINDS = ['pipe', 'ignore', 'inherit'] as const;

/** One word for all three streams, or one for each. */
export type Stdio = StreamKind | readonly [stdin: StreamKind, stdout: StreamKind, stderr: StreamKind];

type KindOf<S extends Stdio, Index extends 0 | 1 | 2> = S extends StreamKind
  ? S
  : S extends readonly StreamKind[]
    ? S[Index]
    : never;
type StreamOf<Kind extends StreamKind, Stream> = Kind extends 'pipe' ? Stream : null;

/** A stream for each `pipe` of `stdio`, and null for the others. They outlast a restart. */
export interface PluginStreams<S extends Stdio = Stdio> {
  readonly stdin: StreamOf<KindOf<S, 0>, Writable>;
  readonly stdout: StreamOf<KindOf<S, 1>, Readable>;
  readonly stderr: StreamOf<KindOf<S, 2>, Readable>;
}

/** Where a secret is read, as postern.yaml has it: a file, a variable, a credential of systemd, or what a command prints. Or its value. */
export type SecretSetting =
  | WrittenSecrets[string]
  | {
      /** 8 to 8192 printable ASCII characters. It stays in the memory of this process and of the gateway: no argument, variable, file, event or message has it. */
      readonly value: string;
    };

/** Secrets by name, for `gateway` to name as `{NAME}`. The program gets none. */
export type SecretSettings = Readonly<Record<string, SecretSetting>>;

/** What a program may do: keys of postern.yaml (docs/config.md). Paths are relative to the working directory of this process. */
export type PluginPolicy = Omit<ProgramKeys, 'command' | 'env' | 'cwd' | 'unknown' | 'restart' | 'stop'>;

/** Rules that another policy must lie within: an application's own, for what is asked of it. */
export interface WithinPolicy {
  readonly allow?: readonly string[] | undefined;
  readonly deny?: readonly string[] | undefined;
  /** Hosts that are reached by a gateway alone, with the requests that it may let through. */
  readonly gateway?: Readonly<Record<string, WithinRequests>> | undefined;
}

/** Rules for the requests of one host, as `gateway` has them. */
export interface WithinRequests {
  readonly allow?: readonly string[] | undefined;
  readonly deny?: readonly string[] | undefined;
}

/** A policy that another one may bound. */
export interface BoundedPolicy extends PluginPolicy {
  /** Nothing starts where the policy lets a destination or a request through that these rules do not. */
  readonly within?: WithinPolicy | undefined;
}

/** The policy of one program. */
export interface ProgramPolicy extends BoundedPolicy, GatewayKeys {
  /** Those that `gateway` names. The program gets none. */
  readonly secrets?: SecretSettings | undefined;
}

/** A plugin, with the keys of postern.yaml. Paths are relative to the working directory of this process. */
export interface PluginSettings<S extends Stdio = Stdio> extends ProgramKeys, GatewayKeys {
  /** a-z, 0-9, _ and -, at most 63 characters, a letter or digit first. */
  readonly name: string;
  /** Those that `gateway` names. The program gets none. */
  readonly secrets?: SecretSettings | undefined;
  /** Missing: `pipe`. */
  readonly stdio?: S | undefined;
  /**
   * Listeners that are there before the program begins, as `{ denied: (event) => … }`. The plugin that `start` returns has them, like those of its method
   * `on`, which may come too late for what a program does first.
   *
   * Listeners and no queue of early events: a queue needs a bound, and would lose the events of a program that fills it before its starter has awaited.
   */
  readonly on?: PluginListeners | undefined;
}

/** The rules of a plugin that runs. What is missing is as if it were empty. */
export type PolicySettings = Pick<ProgramKeys, 'allow' | 'deny' | 'mode' | 'unknown'>;

/** How a plugin ended for good. */
export interface PluginExit {
  /** The status of its first process; null if a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly cause: ExitCause;
}

/** What a person reads of an event. Safe to print: one line, without a character that a terminal would obey. */
export interface Told {
  /** What was refused or failed, to what, and why. */
  readonly message: string;
  /** The rule that would allow it. Missing if none would. */
  readonly suggestion?: string | undefined;
  /** The rule for the name that is missing too, where `suggestion` is a rule for its special address. Both are needed. */
  readonly name_suggestion?: string | undefined;
}

/** Something was refused: a connection, a name, UDP, or a call on a socket of the host. */
export type DeniedEvent = AuditEvent<'decision' | 'question' | 'datagram' | 'socket'> & Told;

/** A connection that the rules permit was not made, or a name not resolved: DNS, the network or the peer failed. */
export type FailedEvent = AuditEvent<'failed'> & Told;

/** The events of a plugin, each with the arguments of its listeners. */
export interface PluginEvents {
  /** A decision of the broker, allowed or not. */
  readonly decision: [event: AuditEvent<'decision'>];
  readonly denied: [event: DeniedEvent];
  readonly failed: [event: FailedEvent];
  /** A connection was made. */
  readonly connection: [event: AuditEvent<'decision'>];
  /** A connection has ended, with its bytes. */
  readonly closed: [event: AuditEvent<'closed'>];
  /** A run ended; the restart policy may start another one. */
  readonly exit: [exit: PluginExit];
}

export type PluginListeners = {
  readonly [E in keyof PluginEvents]?: ((...args: PluginEvents[E]) => void) | undefined;
};

/** The events of all plugins. The plugin comes last. */
export type SupervisorEvents = {
  readonly [E in keyof PluginEvents]: [...PluginEvents[E], plugin: Plugin];
};

/** A plugin that was started. */
export interface Plugin<S extends Stdio = Stdio> extends EventEmitter<PluginEvents>, PluginStreams<S> {
  readonly name: string;
  /** Of its first process, on the host; undefined while it does not run. */
  readonly pid: number | undefined;
  /** Resolves when it has ended for good: by itself, by `stop` or with its supervisor. What was refused until then has been told. */
  readonly exited: Promise<PluginExit>;
  /**
   * Puts other rules in force. The program goes on. Open connections that they do not allow end.
   *
   * @param policy all of its rules. What is missing is as if it were empty
   * @returns when they are in force
   * @throws PosternError `bad_config` for a mistake, `unknown_plugin` if it has ended, `closed`. Then the former rules stay
   * @example
   * import { createSupervisor } from 'postern';
   *
   * await using supervisor = await createSupervisor();
   * const command = ['npx', '--yes', 'cowsay', 'hello'];
   * const plugin = await supervisor.start({ name: 'cow', command, allow: ['registry.npmjs.org'] });
   * await new Promise((resolve) => plugin.stdout.once('data', resolve));
   * await plugin.setPolicy({ allow: [] });
   */
  setPolicy(policy: PolicySettings): Promise<void>;
  /**
   * Its open connections, with the bytes of each so far.
   *
   * @returns the newest 1,000, and how many further ones are open (`more`)
   * @throws PosternError `broker_failed` while there is no broker, `unknown_plugin` if it has ended, `closed`
   */
  connections(): Promise<OpenConnections>;
  /** Stops it for good: its stop signal, and SIGKILL after its time. Resolves when every process of it is gone. */
  stop(): Promise<void>;
  /** Stops it, and starts it again. @throws PosternError `unknown_plugin` if it has ended, `closed` */
  restart(): Promise<void>;
}

/** What `createSupervisor` returns. Its events are those of all its plugins, also of plugins that start later. */
export interface PosternSupervisor extends EventEmitter<SupervisorEvents>, AsyncDisposable {
  /** The port of /metrics, if the settings name an address. */
  readonly metricsPort: number | undefined;
  /** The plugins that have not ended for good. */
  readonly plugins: readonly Plugin[];
  /**
   * Starts a plugin in a sandbox of its own. All plugins of a supervisor share its broker.
   *
   * @param settings what it runs and what it may do, by the keys of postern.yaml
   * @returns the plugin, whose program has begun
   * @throws PosternError `bad_config` with a line for each mistake, which begins with the key (`allow[1]: …`), `name_taken`, `closed`, and what a start
   *   refuses (docs/errors.md). The plugin is then not kept, whatever its restart policy
   * @example
   * import { createSupervisor } from 'postern';
   *
   * await using supervisor = await createSupervisor();
   * const plugin = await supervisor.start({
   *   name: 'reports',
   *   command: ['python3', 'report.py'],
   *   allow: ['api.example.com'],
   *   on: { denied: ({ message, suggestion }) => console.error(message, suggestion) },
   * });
   * plugin.stdout.pipe(process.stdout);
   */
  start<S extends Stdio = 'pipe'>(settings: PluginSettings<S>): Promise<Plugin<S>>;
  /** Stops every plugin and ends everything: broker, listeners, metrics. The audit file is written out. */
  close(): Promise<void>;
}

/** What `wrap` gives a command to do, with its variables and its folder. */
export interface WrapPolicy extends BoundedPolicy, Pick<ProgramKeys, 'env' | 'cwd'> {
  /**
   * The path of a file with `gateway` and `secrets`, as `postern run --gateway` takes it. There is no other way here: the command line would show a secret
   * to every user of the host.
   */
  readonly gateway?: string | undefined;
}

/** A command that a host starts itself, as child_process and MCP clients take it. */
export interface WrappedCommand {
  readonly command: string;
  readonly args: string[];
  /** What postern needs of the environment of this process, and the variables of the program in a form that postern alone reads. */
  readonly env: Record<string, string>;
}

/** Options of child_process.spawn(), and the policy. `env` is all that the program gets, besides PATH, LANG and a few more. */
export interface SpawnOptions<S extends Stdio = Stdio>
  extends Pick<CommonSpawnOptions, 'cwd' | 'env' | 'signal' | 'timeout' | 'killSignal'> {
  /** Missing: it may connect to nothing, and sees no files but the system's and those of its folder. */
  readonly policy?: ProgramPolicy | undefined;
  /** Missing: `pipe`. */
  readonly stdio?: S | undefined;
}

/** The events of a spawned program: those of a ChildProcess, and those of a plugin. */
export type SpawnEvents = Omit<PluginEvents, 'exit'> & {
  /** The program runs. */
  readonly spawn: [];
  /** It could not be started, or was aborted. */
  readonly error: [error: Error];
  readonly exit: [code: number | null, signal: NodeJS.Signals | null];
  /** It has ended, and its streams are read. It comes after `error` too, if the program could not be started. */
  readonly close: [code: number | null, signal: NodeJS.Signals | null];
};

/** A program as child_process.spawn() has it, except for descriptors and messages between processes. */
export interface SpawnedProcess<S extends Stdio = Stdio>
  extends EventEmitter<SpawnEvents>,
    PluginStreams<S>,
    Pick<ChildProcess, 'exitCode' | 'signalCode' | 'killed' | 'spawnfile' | 'spawnargs'> {
  /** On the host; undefined until it runs. */
  readonly pid: number | undefined;
  /**
   * Sends a signal to its first process, as soon as it runs.
   *
   * @param signal its name or number. Missing: SIGTERM
   * @returns false where it has ended
   * @throws PosternError `bad_config` for a signal that there is not
   */
  kill(signal?: NodeJS.Signals | number): boolean;
}
