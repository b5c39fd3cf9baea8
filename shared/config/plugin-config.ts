// What is configured for one plugin, whether by `run`'s options or a file: defaults filled in, paths absolute.
import type { Mode } from '../reasons.js';
import { type Limits, limitsOf } from './limit-forms.js';

/** A listening socket by name (LISTEN_FDNAMES) and address: `127.0.0.1:8080`, `[::1]:8080` or an absolute path. */
export interface ListenConfig {
  readonly name: string;
  readonly address: string;
  /** `FILE:LINE` where a file names it, for what is wrong with it. */
  readonly place?: string;
}

/** When a plugin that ended is started again, and how long it waits before. */
export interface RestartConfig {
  readonly policy: 'no' | 'on-failure' | 'always';
  /** The first wait; each further one is twice as long, up to `maxDelayMs`. */
  readonly delayMs: number;
  readonly maxDelayMs: number;
  /** A plugin that ran at least this long counts as recovered: its next wait is the first again. */
  readonly resetAfterMs: number;
}

export interface PluginConfig {
  /** [a-z0-9][a-z0-9_-]{0,62} */
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly mode: Mode;
  /** `transparent`: any program's own connect(2) goes through the broker. `channel`: it is refused. */
  readonly egress: 'transparent' | 'channel';
  readonly visible: readonly string[];
  readonly writable: readonly string[];
  /** What the plugin does not see of what is visible to it otherwise. */
  readonly hidden: readonly string[];
  /** The host's folder that is the plugin's HOME and outlasts its runs; without one each run has an empty home. */
  readonly home?: string | undefined;
  /** Listening sockets that the supervisor binds and the plugin inherits, in this order from descriptor 3 on. */
  readonly listen: readonly ListenConfig[];
  readonly restart: RestartConfig;
  readonly limits: Limits;
  /** System calls that it has beside those of every plugin; call-forms.ts. */
  readonly addedCalls: readonly string[];
}

export const NO_RESTART: RestartConfig = {
  policy: 'no',
  delayMs: 1000,
  maxDelayMs: 60_000,
  resetAfterMs: 60_000,
};

/** A plugin of which no more is known: it may connect to nobody, and sees nothing but the system. */
export function plainPlugin(name: string, command: readonly string[]): PluginConfig {
  return {
    name,
    command,
    env: {},
    cwd: '/',
    allow: [],
    deny: [],
    mode: 'enforce',
    egress: 'transparent',
    visible: [],
    writable: [],
    hidden: [],
    listen: [],
    restart: NO_RESTART,
    limits: limitsOf({}),
    addedCalls: [],
  };
}

export const PLUGIN_NAME: RegExp = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** A variable that may be set: what tells a plugin of its descriptors is postern's to set. */
export const VARIABLE_NAME: RegExp = /^(?!POSTERN_|LISTEN_(?:FDS|PID|FDNAMES)$)[A-Za-z_][A-Za-z0-9_]*$/;
