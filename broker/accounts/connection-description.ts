// What the register knows about a connection besides its socket: what was asked for, what decided, and who asked. Runs in the broker. It lies
// in memory that the supervisor keeps, and a former broker wrote it, so it is checked when it is read.
import { type DecisionWord, WAYS_OUT, type WayOut } from '../../shared/reasons.js';
import type { ConnectionSlot } from './connection-slots.js';

export interface ConnectionDescription {
  readonly decision_id: string;
  readonly decision: DecisionWord;
  /** As it was asked for: a name or an address. */
  readonly host: string;
  readonly port: number;
  readonly rule: string | null;
  /** The address that was dialled. */
  readonly dialed: string;
  /** The names for which the DNS of the sandbox gave the address, the one that decided first. */
  readonly names: readonly string[];
  /** Somebody who was asked allowed it, and no rule did. */
  readonly approved: boolean;
  /** It goes by a proxy: `dialed` is the proxy's address. */
  readonly proxied: boolean;
  readonly door: WayOut;
  readonly pid: number | null;
  readonly program: string | null;
}

/** Writes a description. Where it is too long, it loses its last names, and at last its rule. */
export function writeDescription(slot: ConnectionSlot, description: ConnectionDescription): void {
  for (let count = description.names.length; count >= 0; count -= 1)
    if (slot.write(JSON.stringify({ ...description, names: description.names.slice(0, count) }))) return;
  slot.write(JSON.stringify({ ...description, names: [], rule: null }));
}

/** @returns undefined if there is none */
export function readDescription(slot: ConnectionSlot): ConnectionDescription | undefined {
  const { text } = slot;
  if (text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isDescription(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isDescription(value: unknown): value is ConnectionDescription {
  if (typeof value !== 'object' || value === null) return false;
  const { decision_id, decision, host, port, rule, dialed, names, approved, proxied, door, pid, program } =
    value as Readonly<Record<string, unknown>>;
  const isTextOrNull = (one: unknown): boolean => one === null || typeof one === 'string';
  return (
    typeof decision_id === 'string' &&
    (decision === 'allow' || decision === 'would_deny') &&
    typeof host === 'string' &&
    typeof port === 'number' &&
    isTextOrNull(rule) &&
    typeof dialed === 'string' &&
    Array.isArray(names) &&
    names.every((name) => typeof name === 'string') &&
    typeof approved === 'boolean' &&
    typeof proxied === 'boolean' &&
    WAYS_OUT.some((word) => word === door) &&
    (pid === null || typeof pid === 'number') &&
    isTextOrNull(program)
  );
}
