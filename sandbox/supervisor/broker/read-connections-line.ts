// Parses a line of the broker with open connections. Runs in the supervisor, which does not trust the broker: each text and number is bounded, and
// so is the number of connections in a line.
import { KEPT_TEXT, LISTED_AT_ONCE } from '../../../shared/limits.js';
import type { BrokerLine, OpenConnection } from '../../../shared/protocol/link.js';
import { WAYS_OUT } from '../../../shared/reasons.js';

const MOST_PORT = 65_535;

/** @returns undefined for a line that no broker of postern writes */
export function readConnectionsLine(line: Readonly<Record<string, unknown>>): BrokerLine | undefined {
  const { id, connections, more, last } = line;
  if (typeof id !== 'number' || !isCount(more) || typeof last !== 'boolean') return undefined;
  if (!Array.isArray(connections) || connections.length > LISTED_AT_ONCE) return undefined;
  const read = connections.flatMap((one) => readConnection(one) ?? []);
  if (read.length < connections.length) return undefined;
  return { type: 'connections', id, connections: read, more, last };
}

function readConnection(value: unknown): OpenConnection | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { decision_id, plugin, pid, program, host, port, dialed, rule, age_ms } = fields;
  const { sent_bytes, received_bytes } = fields;
  const door = fields['door'] === null ? null : WAYS_OUT.find((word) => word === fields['door']);
  if (!isText(plugin) || !isText(dialed) || !isCount(age_ms) || door === undefined) return undefined;
  if (!isTextOrNull(decision_id) || !isTextOrNull(program) || !isTextOrNull(host) || !isTextOrNull(rule))
    return undefined;
  if (!isCountOrNull(pid) || !isCountOrNull(sent_bytes) || !isCountOrNull(received_bytes)) return undefined;
  if (!isCountOrNull(port) || (port !== null && port > MOST_PORT)) return undefined;
  return {
    ...{ decision_id, plugin, pid, program, host, port, dialed, rule, door, age_ms },
    ...{ sent_bytes, received_bytes },
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= KEPT_TEXT;
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || isText(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isCountOrNull(value: unknown): value is number | null {
  return value === null || isCount(value);
}
