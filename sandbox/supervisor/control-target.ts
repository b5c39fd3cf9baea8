// What a supervisor answers over its control socket. Runs in the supervisor.

import { VERSION } from '../../shared/bundles.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import type {
  ControlFleet,
  ControlTarget,
  PluginStatus,
  PolicyStatus,
  TopPlugin,
} from './control/control-surface.js';
import type { Denials } from './control/denials.js';
import { shownAsk } from './control/methods.js';
import type { PluginLogs } from './control/plugin-logs.js';
import type { RecentEvents, RuleHits } from './control/recent-events.js';
import type { ExportFacts } from './export/exporter.js';
import type { PluginState } from './fleet/plugin-keeper.js';
import type { Learners } from './learn/learner.js';
import { describeEnd } from './start/sandbox.js';
import type { Supervisor } from './supervisor.js';
import type { UsageReport } from './usage-reports.js';

export type ShownState = PluginState & {
  /** While it is `waiting`. */
  readonly waitsFor?: readonly string[];
};

export interface ControlParts {
  readonly supervisor: Pick<
    Supervisor,
    | 'asks'
    | 'brokerPid'
    | 'brokerVersion'
    | 'connections'
    | 'endConnection'
    | 'explain'
    | 'isOwn'
    | 'putRule'
    | 'replaceBroker'
    | 'rules'
    | 'tellRefusals'
    | 'usage'
  >;
  /** The absolute path of the configuration, links resolved; null without one. */
  readonly config: string | null;
  readonly plugins: () => readonly ShownState[];
  readonly egressOf: (plugin: string) => PluginConfig['egress'];
  readonly denials: Denials;
  readonly events: RecentEvents;
  readonly hits: RuleHits;
  readonly learners: Learners;
  readonly page?: (() => string) | undefined;
  readonly logs?: PluginLogs | undefined;
  /** Missing: the configuration names no signed policy. */
  readonly policy?: (() => PolicyStatus) | undefined;
  /** Missing, and null: nothing is exported. */
  readonly exported?: (() => ExportFacts | null) | undefined;
  /** See {@link Status.reload_problem}. */
  readonly reloadProblem?: (() => string | null) | undefined;
  readonly fleet?: ControlFleet | undefined;
}

export function controlTarget(parts: ControlParts): ControlTarget {
  const {
    supervisor,
    config,
    plugins,
    egressOf,
    denials,
    events,
    hits,
    learners,
    logs,
    policy,
    exported,
    reloadProblem,
    fleet,
    page,
  } = parts;
  const startedAt = performance.now();
  const since = new Date().toISOString();
  const facts = { version: VERSION, pid: process.pid, config, since };
  return {
    describe: () => facts,
    isOwn: (pid) => supervisor.isOwn(pid),
    requirePlugin: (name) => {
      const names = plugins().map((plugin) => plugin.name);
      if (names.includes(name)) return;
      throw new PosternError('unknown_plugin', `There is no plugin "${name}"`, {
        fix: `name one of ${names.join(', ')}`,
      });
    },
    status: async () => {
      const pid = supervisor.brokerPid;
      return {
        ...facts,
        for_ms: Math.round(performance.now() - startedAt),
        broker: pid === undefined ? null : { pid, version: supervisor.brokerVersion ?? null },
        plugins: plugins().map(statusOf),
        asks: supervisor.asks.list().map(shownAsk),
        policy: policy?.() ?? null,
        export: exported?.() ?? null,
        reload_problem: reloadProblem?.() ?? null,
      };
    },
    top: async () => {
      const report = await supervisor.usage.take();
      return {
        at_ms: report.atMs,
        for_ms: Math.round(performance.now() - startedAt),
        plugins: plugins().map((plugin) => topOf(plugin, report)),
      };
    },
    explain: (plugin, query) =>
      supervisor.explain(plugin, {
        ...query,
        egress: query.egress ?? egressOf(plugin),
        hostname: plugin,
      }),
    connections: (plugin, most) => supervisor.connections(plugin, most),
    replaceBroker: async () => {
      const { pid, version, inOrder } = await supervisor.replaceBroker();
      return { pid, version, in_order: inOrder };
    },
    disconnect: (plugin, decisionId) => supervisor.endConnection(plugin, decisionId),
    rules: () => supervisor.rules,
    allow: supervisor.putRule,
    page,
    denials,
    events,
    hits,
    learners,
    tellRefusals: (plugin) => supervisor.tellRefusals(plugin),
    logs,
    fleet,
    asks: supervisor.asks,
  };
}

function statusOf(plugin: ShownState): PluginStatus {
  const { name, state, pid = null, status = null, ageMs, starts, lastEnd = null, startsInMs } = plugin;
  const { waitsFor = [] } = plugin;
  return {
    name,
    state,
    pid,
    status,
    for_ms: Math.round(ageMs),
    starts,
    last_end: typeof lastEnd === 'object' && lastEnd !== null ? describeEnd(lastEnd) : lastEnd,
    starts_in_ms: startsInMs === undefined ? null : Math.round(startsInMs),
    waits_for: waitsFor,
  };
}

function topOf({ name, state, pid }: ShownState, { network, sandboxes }: UsageReport): TopPlugin {
  const [used, use] = [network.get(name), sandboxes.get(name)];
  return {
    ...{ name, state, pid: pid ?? null },
    connections: used?.connections ?? null,
    connects: used?.connects ?? null,
    denials: used?.denials ?? null,
    sent_bytes: used?.sent_bytes ?? null,
    received_bytes: used?.received_bytes ?? null,
    waiting: used?.waiting ?? null,
    memory_bytes: use?.memoryBytes ?? null,
    cpu_seconds: use?.cpuSeconds ?? null,
    measured: use?.measured ?? null,
  };
}
