// Compares two lists of plugins: which start, which end, which restart, and which go on with other rules. Pure.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';

/** What a running plugin can take: the broker or the supervisor alone acts by it. Every other key needs a restart; `unknown` is also in its resolv.conf. */
export const LIVE_KEYS: readonly (keyof PluginConfig)[] = [
  'allow',
  'deny',
  'mode',
  'via',
  'revoke',
  'restart',
  'kind',
  'ready',
  'stop',
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
  // Only a start makes a notify socket.
  return JSON.stringify([fixed.sort(), plugin.ready?.by === 'notify']);
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
