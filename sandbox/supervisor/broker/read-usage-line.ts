// Parses a line of the broker with what plugins use. Runs in the supervisor, which does not trust the broker: each number is checked, and so is how
// many plugins a line has.
import { KEPT_TEXT, USAGE_AT_ONCE } from '../../../shared/limits.js';
import type { BrokerLine, PluginUsage } from '../../../shared/protocol/link.js';

const COUNTS = ['connections', 'connects', 'denials', 'sent_bytes', 'received_bytes', 'waiting'] as const;

/** @returns undefined for a line that no broker of postern writes */
export function readUsageLine(line: Readonly<Record<string, unknown>>): BrokerLine | undefined {
  const { id, plugins, last } = line;
  if (typeof id !== 'number' || typeof last !== 'boolean') return undefined;
  if (!Array.isArray(plugins) || plugins.length > USAGE_AT_ONCE) return undefined;
  const read = plugins.flatMap((one) => readUsage(one) ?? []);
  return read.length < plugins.length ? undefined : { type: 'usage', id, plugins: read, last };
}

function readUsage(value: unknown): PluginUsage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { plugin } = fields;
  if (typeof plugin !== 'string' || plugin.length > KEPT_TEXT) return undefined;
  const counts: Partial<Record<(typeof COUNTS)[number], number>> = {};
  for (const name of COUNTS) {
    const count = fields[name];
    if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) return undefined;
    counts[name] = count;
  }
  return { plugin, ...(counts as Required<typeof counts>) };
}
