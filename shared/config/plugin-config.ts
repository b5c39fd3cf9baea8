// The configuration of one plugin, from the options of `run` or from a file: with defaults and absolute paths.
import { basename } from 'node:path';
import { STOP_TIMEOUT_MS } from '../limits.js';
import type { Mode } from '../words.js';
import type { GatewayHost, SecretSource } from './gateway-keys.js';
import { type Limits, limitsOf } from './limit-forms.js';
import type { ViaConfig } from './via-config.js';

/** A listening socket: its name (LISTEN_FDNAMES) and its address: `127.0.0.1:8080`, `[::1]:8080` or an absolute path. */
export interface ListenConfig {
  readonly name: string;
  readonly address: string;
  /** `FILE:LINE` in the file that names it, for error messages. */
  readonly place?: string;
}

/** When a plugin that ended starts again, and how long it waits before. */
export interface RestartConfig {
  readonly policy: 'no' | 'on-failure' | 'always';
  /** The first wait. Each further wait is twice as long, up to `maxDelayMs`. */
  readonly delayMs: number;
  readonly maxDelayMs: number;
  /** A plugin that ran at least this long has recovered: its next wait is the first again. */
  readonly resetAfterMs: number;
}

/** When plugins that come after it may start. `after`: milliseconds after its start. `listener`: it accepts on this listener. `notify`: it says so. */
type ReadyConfig =
  | { readonly by: 'after'; readonly milliseconds: number }
  | { readonly by: 'listener'; readonly name: string; readonly timeoutS: number }
  | { readonly by: 'notify'; readonly timeoutS: number };

/** How long a plugin may take until it is ready. Then it is ended. */
export const DEFAULT_READY_S: number = 90;

/** How a plugin is stopped. */
export interface StopConfig {
  /** What its first process gets, as SIGTERM. */
  readonly signal: StopSignal;
  /** From the signal to SIGKILL. */
  readonly graceMs: number;
}

export const STOP_SIGNALS = [
  'SIGTERM',
  'SIGINT',
  'SIGQUIT',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGKILL',
] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

export const DEFAULT_STOP: StopConfig = { signal: 'SIGTERM', graceMs: STOP_TIMEOUT_MS };

/** `job`: a program that does its work and ends. Plugins that come after it wait for its end. */
export const KINDS = ['service', 'job'] as const;
export type PluginKind = (typeof KINDS)[number];

/** What becomes of a destination that no rule allows. */
export const UNKNOWN = ['deny', 'ask'] as const;
export type Unknown = (typeof UNKNOWN)[number];

/** What becomes of open connections that new rules do not allow. `drain`: they go on until they end by themselves. */
export const REVOKE = ['immediate', 'drain'] as const;
export type Revoke = (typeof REVOKE)[number];
export const DEFAULT_REVOKE: Revoke = 'immediate';

export interface PluginConfig {
  /** [a-z0-9][a-z0-9_-]{0,62} */
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** Absolute paths of files that these lists came from, where no configuration file names them: an application does. */
  readonly ruleFiles?: readonly string[] | undefined;
  readonly mode: Mode;
  /** `ask`: a destination that no rule allows waits while somebody is asked. */
  readonly unknown: Unknown;
  /** `transparent`: connect(2) goes through the broker. `channel`: connect(2) is refused. */
  readonly egress: 'transparent' | 'channel';
  readonly visible: readonly string[];
  readonly writable: readonly string[];
  /** Paths that the plugin does not see, below a visible one. */
  readonly hidden: readonly string[];
  /** A folder of the host that is the HOME of the plugin in every run. Without it each run has an empty home. */
  readonly home?: string | undefined;
  /** Listening sockets that the supervisor binds. The plugin inherits them in this order, from descriptor 3 on. */
  readonly listen: readonly ListenConfig[];
  readonly kind: PluginKind;
  /** Missing: a service is ready once its program has begun, a job once it has ended well. */
  readonly ready?: ReadyConfig | undefined;
  readonly stop: StopConfig;
  /** How its connections leave this host. Missing: straight, from any address. */
  readonly via?: ViaConfig | undefined;
  /** Hosts whose TLS ends at the plugin's gateway. */
  readonly gateway?: readonly GatewayHost[] | undefined;
  /** Where the secrets of its gateway are read, by name. */
  readonly secrets?: Readonly<Record<string, SecretSource>> | undefined;
  /** Those of its file that its gateway does not name. */
  readonly otherSecrets?: Readonly<Record<string, SecretSource>> | undefined;
  /** Missing: `drain`. */
  readonly revoke?: Revoke | undefined;
  readonly restart: RestartConfig;
  readonly limits: Limits;
  /** System calls in addition to those of every plugin; see call-forms.ts. */
  readonly addedCalls: readonly string[];
}

export const NO_RESTART: RestartConfig = {
  policy: 'no',
  delayMs: 1000,
  maxDelayMs: 60_000,
  resetAfterMs: 60_000,
};

/** A plugin with defaults only: it may connect to nothing, and sees only the system. */
export function plainPlugin(name: string, command: readonly string[]): PluginConfig {
  return {
    name,
    command,
    env: {},
    cwd: '/',
    allow: [],
    deny: [],
    mode: 'enforce',
    unknown: 'deny',
    egress: 'transparent',
    visible: [],
    writable: [],
    hidden: [],
    listen: [],
    kind: 'service',
    stop: DEFAULT_STOP,
    restart: NO_RESTART,
    limits: limitsOf({}),
    addedCalls: [],
  };
}

export const PLUGIN_NAME: RegExp = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** The name of a program, changed to one that a plugin may have. */
export function pluginNameOf(program: string): string {
  const name = basename(program)
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '');
  return name.slice(0, 63) || 'plugin';
}

/** The name of a variable that a user may set. postern sets those that name the plugin's descriptors. */
export const VARIABLE_NAME: RegExp = /^(?!POSTERN_|LISTEN_(?:FDS|PID|FDNAMES)$)[A-Za-z_][A-Za-z0-9_]*$/;
