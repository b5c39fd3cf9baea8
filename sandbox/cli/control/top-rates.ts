// What one report of `top` says beside the one before: rates, and the part of a processor. Pure. It trusts no number of the other side.
import type { TopPlugin, TopReport } from '../../supervisor/control/control-target.js';

/** A plugin in a report. Null: not known. */
export interface TopRow extends TopPlugin {
  readonly connects_per_second: number | null;
  readonly denials_per_second: number | null;
  readonly sent_bytes_per_second: number | null;
  readonly received_bytes_per_second: number | null;
  /** 100 is one processor. */
  readonly cpu_percent: number | null;
}

type KeyOfNumber = { [K in keyof TopRow]: TopRow[K] extends number | null ? K : never }[keyof TopRow];
type Count = 'connects' | 'denials' | 'sent_bytes' | 'received_bytes' | 'cpu_seconds';

/** @param before the report before; undefined: there is none */
export function topRows(report: TopReport, before: TopReport | undefined): readonly TopRow[] {
  const seconds = before === undefined ? 0 : (report.at_ms - before.at_ms) / 1000;
  const former = new Map(before?.plugins.map((plugin) => [plugin.name, plugin]));
  return report.plugins.map((plugin) => {
    const last = former.get(plugin.name);
    // After a restart of the plugin or of the broker a count begins anew.
    const rate = (count: Count, digits: number): number | null => {
      const [now, then] = [plugin[count], last?.[count]];
      if (typeof now !== 'number' || typeof then !== 'number' || !(seconds > 0)) return null;
      return Number((Math.max(0, now - then) / seconds).toFixed(digits));
    };
    const processors = rate('cpu_seconds', 4);
    return {
      ...plugin,
      connects_per_second: rate('connects', 1),
      denials_per_second: rate('denials', 1),
      sent_bytes_per_second: rate('sent_bytes', 0),
      received_bytes_per_second: rate('received_bytes', 0),
      cpu_percent: processors === null ? null : Number((100 * processors).toFixed(1)),
    };
  });
}

/** What --sort takes. */
export const TOP_ORDERS = [
  'plugin',
  'connections',
  'connects',
  'denials',
  'sent',
  'received',
  'waiting',
  'memory',
  'cpu',
] as const;
export type TopOrder = (typeof TOP_ORDERS)[number];

const KEYS: Readonly<Record<TopOrder, KeyOfNumber | undefined>> = {
  plugin: undefined,
  connections: 'connections',
  connects: 'connects_per_second',
  denials: 'denials_per_second',
  sent: 'sent_bytes_per_second',
  received: 'received_bytes_per_second',
  waiting: 'waiting',
  memory: 'memory_bytes',
  cpu: 'cpu_percent',
};

/** The largest number first, and plugins with the same one by their names. */
export function sortTop(rows: readonly TopRow[], order: TopOrder): readonly TopRow[] {
  const key = KEYS[order];
  const numberIn = (row: TopRow): number => (key === undefined ? 0 : (row[key] ?? -1));
  return rows.toSorted((a, b) => numberIn(b) - numberIn(a) || (a.name < b.name ? -1 : 1));
}
