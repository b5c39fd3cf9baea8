// Puts another list of plugins in place of the one that runs. Plugins whose rules changed go on; those whose program, root or limits changed
// are restarted, and only those. All that can fail comes before any plugin is touched, so a reload that fails has nothing to restore here. Runs that
// are to end keep what they see and write until then. So what is new for their plugins comes into force afterwards, and nothing starts before.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { Fleet, FleetPlugin } from './fleet.js';

/** How other plugins take the place of those that run. */
export interface PluginChange {
  /** Files that postern has read, as its configuration. Missing: they are the same. */
  readonly ownFiles?: readonly string[] | undefined;
  /** Names of those that stay, whose runs end before their next start. */
  readonly restarted?: readonly string[];
  /** Ends the runs of these and of those that are left out. Missing: they have ended. */
  readonly endOthers?: () => Promise<void>;
}

/** Keeps rules and listeners of plugins; see Supervisor. */
export interface PluginKeeping {
  readonly setPlugins: (plugins: readonly PluginConfig[], change: PluginChange) => Promise<void>;
}

interface Reload {
  readonly supervisor: PluginKeeping;
  readonly fleet: Fleet;
  readonly before: readonly FleetPlugin[];
  readonly after: readonly FleetPlugin[];
  /** Files that postern has read for the new list. */
  readonly ownFiles?: readonly string[] | undefined;
}

/**
 * @returns what changed, when the former runs have ended. New and restarted plugins may still start then
 * @throws PosternError as Supervisor.setPlugins does. Then each former plugin is as it was, with its former rules
 */
export async function reload({ supervisor, fleet, before, after, ownFiles }: Reload): Promise<ReloadPlan> {
  const next = after.map(({ config }) => config);
  const plan = planReload(
    before.map(({ config }) => config),
    next,
  );
  const isAdded = ({ config }: FleetPlugin): boolean => plan.added.includes(config.name);
  let start = (): void => {};
  const endOthers = async (): Promise<void> => {
    // protects: G14 nothing of a reload starts before the runs have ended that it ends => void fleet.remove(plan.removed); start = (): void => void fleet.suspend(plan.restarted).then((go) => go());
    [start] = await Promise.all([fleet.suspend(plan.restarted), fleet.remove(plan.removed)]);
  };
  try {
    await supervisor.setPlugins(next, { ownFiles, restarted: plan.restarted, endOthers });
    for (const plugin of after) if (!isAdded(plugin)) fleet.reconfigure(plugin);
    fleet.add(after.filter(isAdded), 'reload');
  } finally {
    // After a failure too: what was suspended runs again, as it was.
    start();
  }
  return plan;
}

// Compares two lists of plugins: which start, which end, which restart, and which go on with other rules. Pure.

/** What a running plugin can take: the broker or the supervisor alone acts by it. Every other key needs a restart; `unknown` is also in its resolv.conf. */
export const LIVE_KEYS: readonly (keyof PluginConfig)[] = [
  'allow',
  'deny',
  'ruleFiles',
  'mode',
  'via',
  'revoke',
  'restart',
  'kind',
  'ready',
  'stop',
  'otherSecrets',
];

export interface ReloadPlan {
  /** Names, in the order of the new list; those removed in the order of the old one. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly restarted: readonly string[];
  /** They go on, with other rules. */
  readonly changed: readonly string[];
}

export function planReload(before: readonly PluginConfig[], after: readonly PluginConfig[]): ReloadPlan {
  const former = new Map(before.map((plugin) => [plugin.name, plugin]));
  const names = new Set(after.map(({ name }) => name));
  const kept = after.flatMap((plugin) => {
    const old = former.get(plugin.name);
    return old === undefined ? [] : [{ old, plugin }];
  });
  return {
    added: after.filter(({ name }) => !former.has(name)).map(({ name }) => name),
    removed: before.filter(({ name }) => !names.has(name)).map(({ name }) => name),
    restarted: kept.filter(({ old, plugin }) => needsRestart(old, plugin)).map(({ plugin }) => plugin.name),
    changed: kept
      .filter(({ old, plugin }) => !needsRestart(old, plugin) && liveText(old) !== liveText(plugin))
      .map(({ plugin }) => plugin.name),
  };
}

function needsRestart(old: PluginConfig, plugin: PluginConfig): boolean {
  return fixedText(old) !== fixedText(plugin);
}

/** Keys in a fixed order: the order in the file means nothing. */
function fixedText(plugin: PluginConfig): string {
  const fixed = Object.entries(plugin)
    .filter(([key, value]) => value !== undefined && !LIVE_KEYS.includes(key as keyof PluginConfig))
    .map(([key, value]) => [key, key === 'listen' ? withoutPlaces(plugin) : sorted(value)]);
  // Only a start makes a notify socket. A gateway has the mode of its start.
  const mode =
    /* protects: G23 gateway: another mode starts it anew => undefined */ plugin.gateway && plugin.mode;
  return JSON.stringify([fixed.sort(), plugin.ready?.by === 'notify', mode]);
}

function liveText(plugin: PluginConfig): string {
  return JSON.stringify(LIVE_KEYS.map((key) => plugin[key]));
}

/** A line further down in the file is the same listener. */
function withoutPlaces({ listen }: PluginConfig): unknown {
  return listen.map(({ name, address }) => [name, address]);
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .sort();
}
