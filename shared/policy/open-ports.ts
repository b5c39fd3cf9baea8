// The ports on which a policy opens a name. Pure.
import { isLocalhost } from './is-localhost.js';
import { EVERY_PORT, joinRanges, type PortRange } from './parse-ports.js';
import type { Policy } from './policy.js';
import type { PortTable } from './port-table.js';
import type { RuleIndex } from './rule-index.js';

/** The ports of a name, each list sorted. */
export interface OpenPorts {
  /** Ports that an allow rule covers and no deny rule. */
  readonly allowed: readonly PortRange[];
  /** Ports that no deny rule covers: mode audit allows them. */
  readonly undenied: readonly PortRange[];
  /** Whether an allow rule covers the name, even if a deny rule does too. */
  readonly covered: boolean;
}

/**
 * Finds the ports on which a name is open: `judgeRequest` would resolve it there.
 *
 * @param policy the rules
 * @param name canonical
 */
export function openPorts({ allow, deny }: Policy, name: string): OpenPorts {
  const covering = isLocalhost(name) ? present(allow.names.get(name)) : tablesOver(name, allow);
  if (name.includes('.') && !isLocalhost(name)) covering.push(allow.any);
  const covered = rangesOf(covering);
  const denied = rangesOf([...tablesOver(name, deny), deny.any]);
  return {
    allowed: subtract(covered, denied),
    undenied: subtract(EVERY_PORT, denied),
    covered: covered.length > 0,
  };
}

/** The tables of a name and of the wildcards over it, without `*`. */
function tablesOver(name: string, { names, apexes, below }: RuleIndex): PortTable[] {
  const tables = [...present(names.get(name)), ...present(apexes.get(name))];
  if (below.size === 0) return tables;
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    tables.push(...present(below.get(name.slice(dot + 1))));
  }
  return tables;
}

function present(table: PortTable | undefined): PortTable[] {
  return table === undefined ? [] : [table];
}

function rangesOf(tables: readonly PortTable[]): readonly PortRange[] {
  return joinRanges(tables.flatMap(({ ranges }) => ranges));
}

/** The parts of sorted and joined ranges that are in none of the others. */
function subtract(ranges: readonly PortRange[], others: readonly PortRange[]): readonly PortRange[] {
  if (others.length === 0) return ranges;
  const left: PortRange[] = [];
  let index = 0;
  for (const { low, high } of ranges) {
    let from = low;
    for (let other = others[index]; other && other.low <= high; other = others[index]) {
      if (other.low > from) left.push({ low: from, high: other.low - 1 });
      from = Math.max(from, other.high + 1);
      // A range that continues past this one counts for the next one too.
      if (other.high > high) break;
      index += 1;
    }
    if (from <= high) left.push({ low: from, high });
  }
  return left;
}
