// What the control socket asks of the supervisor, and the forms of its answers. A part that is missing has no methods. Types only.
import type { ExplainQuestion, Explanation } from '../../../shared/protocol/link.js';
import type { OpenConnections, PluginUsage } from '../../../shared/protocol/open-connections.js';
import type { AskRequest, Asks } from '../approval/asks.js';
import type { Replaced } from '../broker/broker-events.js';
import type { ExportFacts } from '../export/exporter.js';
import type { ReloadPlan } from '../fleet/reload.js';
import type { Learners } from '../learn/learner.js';
import type { SandboxUse } from '../usage/sandbox-use.js';
import type { Denials } from './denials.js';
import type { PluginLogs } from './plugin-logs.js';
import type { PluginRules, RecentEvents, RuleHits } from './recent-events.js';

export interface ControlTarget {
  readonly describe: () => SupervisorFacts;
  /** @throws PosternError `unknown_plugin` if no plugin has that name */
  readonly requirePlugin: (name: string) => void;
  /** Whether a process is one of postern's own: the broker, which plugins talk to, or this one, which connects for plugins. */
  readonly isOwn: (pid: number) => boolean;
  readonly status: () => Promise<Status>;
  readonly top: () => Promise<TopReport>;
  /** @throws PosternError `broker_failed` */
  readonly explain: (plugin: string, query: LiveQuery) => Promise<Explanation>;
  /** @param plugin all plugins without it @param most how many are listed @throws PosternError `broker_failed` */
  readonly connections: (plugin: string | undefined, most: number) => Promise<OpenConnections>;
  /** @throws PosternError `broker_failed`, `no_such_connection` */
  readonly disconnect: (plugin: string, decisionId: string) => Promise<void>;
  /** The rules in force. */
  readonly rules: () => readonly PluginRules[];
  /** Writes a rule into the file. Undefined where there is no file. @throws PosternError `rule_not_written` where it cannot be written */
  readonly allow?: ((plugin: string, rule: string) => Promise<void>) | undefined;
  /** Where the live page is, with a token that counts once. Undefined: none is served. */
  readonly page?: (() => string) | undefined;
  /** @throws PosternError `broker_failed`; then the former broker serves */
  readonly replaceBroker: () => Promise<ReplacedBroker>;
  readonly denials: Denials;
  readonly events: RecentEvents;
  readonly hits: RuleHits;
  readonly learners: Learners;
  /** Has the next refused look-up of each name told at once, although it may be a repetition. */
  readonly tellRefusals: (plugin: string) => void;
  readonly logs?: PluginLogs | undefined;
  /** The methods that start and stop plugins, and `reload`. `run` has none. */
  readonly fleet?: ControlFleet | undefined;
  /** The questions about destinations that no rule decides (`unknown: ask`). */
  readonly asks: Asks;
}

/** A question as JSON says it. Null: not known. The times are ISO 8601 in UTC. */
export interface ShownAsk extends Omit<AskRequest, 'pid' | 'program' | 'since' | 'deadline'> {
  readonly pid: number | null;
  readonly program: string | null;
  readonly since: string;
  readonly deadline: string;
}

export type AskNews = { readonly opened: ShownAsk } | { readonly closed: string; readonly answer: string };

/** Each throws PosternError `unknown_plugin`; `reload` throws ConfigError, and what a start throws. */
export interface ControlFleet {
  readonly start: (plugin: string) => Promise<void>;
  readonly stop: (plugin: string) => Promise<void>;
  readonly restart: (plugin: string) => Promise<void>;
  /** Missing where there is no file to read again. */
  readonly reload?: (() => Promise<ReloadPlan>) | undefined;
}

/** The answer to `replace_broker`. */
export interface ReplacedBroker extends Omit<Replaced, 'inOrder'> {
  readonly in_order: Replaced['inOrder'];
}

export interface LiveQuery extends Pick<ExplainQuestion, 'host' | 'port' | 'resolved'> {
  /** Undefined: that of the plugin. */
  readonly egress?: ExplainQuestion['egress'] | undefined;
}

/** The answer to `supervisor`. */
interface SupervisorFacts {
  readonly version: string;
  readonly pid: number;
  /** The absolute path of the configuration; null for `run` and an application. */
  readonly config: string | null;
  /** When it started: ISO 8601 in UTC. */
  readonly since: string;
}

export interface Status extends SupervisorFacts {
  /** For how long it has run, in milliseconds. */
  readonly for_ms: number;
  /** Null while there is none. `version`: of postern; null while it starts. */
  readonly broker: { readonly pid: number; readonly version: string | null } | null;
  readonly plugins: readonly PluginStatus[];
  /** What waits for an answer. */
  readonly asks: readonly ShownAsk[];
  /** Null: the configuration names no signed policy. A postern of an earlier version does not say so. */
  readonly policy?: PolicyStatus | null;
  /** Null: nothing is exported. A postern of an earlier version does not say so. */
  readonly export?: ExportFacts | null;
  /** Why the last reload failed: the configuration before it stays in force. Null if it did not. A postern of an earlier version does not say so. */
  readonly reload_problem?: string | null;
}

/** The signed policy. */
export interface PolicyStatus {
  /** Of the one in force; null: there is none yet. */
  readonly serial: number | null;
  /** When its server last had this one: ISO 8601 in UTC. Null: not since postern started. */
  readonly checked: string | null;
  /** Why the last look for it went wrong; null if it did not. */
  readonly problem: string | null;
  /** What of the configuration it does not allow, each with a destination. */
  readonly beyond: readonly { readonly plugin: string; readonly what: string; readonly example: string }[];
}

/** The answer to `top`. */
export interface TopReport {
  /** When it was counted, in milliseconds of a clock that is never set: two reports give rates. */
  readonly at_ms: number;
  /** For how long postern has run, in milliseconds. */
  readonly for_ms: number;
  readonly plugins: readonly TopPlugin[];
}

type OrNull<T> = { readonly [K in keyof T]: T[K] | null };

/** What a plugin uses. Null: not known, as without a broker or while it does not run. */
export interface TopPlugin extends OrNull<Omit<PluginUsage, 'plugin'>> {
  readonly name: string;
  readonly state: string;
  readonly pid: number | null;
  /** As SandboxUse says. */
  readonly memory_bytes: number | null;
  readonly cpu_seconds: number | null;
  readonly measured: SandboxUse['measured'] | null;
}

export interface PluginStatus {
  readonly name: string;
  readonly state: string;
  /** Of the first process, on the host. Null while none runs. */
  readonly pid: number | null;
  /** What the program last said about itself (STATUS of sd_notify(3)), in one line; null if nothing. */
  readonly status: string | null;
  /** For how long it has been in this state, in milliseconds. */
  readonly for_ms: number;
  /** How often its program began. */
  readonly starts: number;
  /** How its last run ended, or why its last start failed; null if neither has happened. */
  readonly last_end: string | null;
  /** When it starts again, in milliseconds from now; null if nothing is planned. */
  readonly starts_in_ms: number | null;
  /** While it is `waiting`: the plugins that it comes after and that are not ready. A postern of an earlier version does not say so. */
  readonly waits_for?: readonly string[];
}
