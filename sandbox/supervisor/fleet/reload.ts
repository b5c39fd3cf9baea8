// Puts another list of plugins in place of the one that runs. Plugins whose rules changed go on; those whose program, root or limits changed
// are restarted, and only those.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { Fleet, FleetPlugin } from './fleet.js';
import { planReload, type ReloadPlan } from './plan-reload.js';

/** Keeps rules and listeners of plugins; see Supervisor. */
export interface PluginKeeping {
  readonly setPlugins: (
    plugins: readonly PluginConfig[],
    ownFiles?: readonly string[] | undefined,
  ) => Promise<void>;
}

export interface Reload {
  readonly supervisor: PluginKeeping;
  readonly fleet: Fleet;
  readonly before: readonly FleetPlugin[];
  readonly after: readonly FleetPlugin[];
  /** Files that postern has read for the new list. */
  readonly ownFiles?: readonly string[] | undefined;
}

/**
 * @returns what changed. Restarted plugins may still stop and start then
 * @throws PosternError as Supervisor.setPlugins does. Then the former plugins run, with their former rules
 */
export async function reload({ supervisor, fleet, before, after, ownFiles }: Reload): Promise<ReloadPlan> {
  const [old, next] = [before, after].map((plugins) => plugins.map(({ config }) => config)) as [
    PluginConfig[],
    PluginConfig[],
  ];
  const plan = planReload(old, next);
  const leaving = old.filter(({ name }) => plan.removed.includes(name));
  const inTheWay = leaving.filter((plugin) => next.some((other) => sharePlace(plugin, other)));
  await fleet.remove(inTheWay.map(({ name }) => name));
  const staying = leaving.filter((plugin) => !inTheWay.includes(plugin));
  try {
    if (inTheWay.length > 0) await supervisor.setPlugins(old.filter((plugin) => !inTheWay.includes(plugin)));
    await supervisor.setPlugins([...next, ...staying], ownFiles);
  } catch (error) {
    await supervisor.setPlugins(old);
    const back = before.filter(({ config }) => inTheWay.includes(config));
    fleet.add(back, 'reload');
    throw error;
  }
  await fleet.remove(staying.map(({ name }) => name));
  if (staying.length > 0) await supervisor.setPlugins(next, ownFiles);
  for (const plugin of after) if (!plan.added.includes(plugin.config.name)) fleet.reconfigure(plugin);
  // Ordered before the others start: one that comes after a restarted plugin waits for its new run. A plugin that is gone by then needs no restart.
  fleet.reload(plan.restarted).catch(() => {});
  fleet.add(
    after.filter(({ config }) => plan.added.includes(config.name)),
    'reload',
  );
  return plan;
}

/** A plugin that goes must be gone before another one gets its address or its home. */
function sharePlace(one: PluginConfig, other: PluginConfig): boolean {
  const addresses = new Set(other.listen.map(({ address }) => address));
  return (
    one.listen.some(({ address }) => addresses.has(address)) ||
    (one.home !== undefined && one.home === other.home)
  );
}
