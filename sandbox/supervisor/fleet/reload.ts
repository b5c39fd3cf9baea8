// Puts another list of plugins in place of the one that runs. Plugins whose rules changed go on; those whose program, root or limits changed
// are restarted, and only those. All that can fail comes before any plugin is touched, so a reload that fails has nothing to restore here.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { Fleet, FleetPlugin } from './fleet.js';
import { planReload, type ReloadPlan } from './plan-reload.js';

/** Keeps rules and listeners of plugins; see Supervisor. */
export interface PluginKeeping {
  readonly setPlugins: (
    plugins: readonly PluginConfig[],
    ownFiles: readonly string[] | undefined,
    endOthers: () => Promise<void>,
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
 * @throws PosternError as Supervisor.setPlugins does. Then each former plugin is as it was, with its former rules
 */
export async function reload({ supervisor, fleet, before, after, ownFiles }: Reload): Promise<ReloadPlan> {
  const next = after.map(({ config }) => config);
  const plan = planReload(
    before.map(({ config }) => config),
    next,
  );
  await supervisor.setPlugins(next, ownFiles, () => fleet.remove(plan.removed));
  const isAdded = ({ config }: FleetPlugin): boolean => plan.added.includes(config.name);
  for (const plugin of after) if (!isAdded(plugin)) fleet.reconfigure(plugin);
  // Ordered before the others start: one that comes after a restarted plugin waits for its new run. A plugin that is gone by then needs no restart.
  fleet.reload(plan.restarted).catch(() => {});
  fleet.add(after.filter(isAdded), 'reload');
  return plan;
}
