// Checks one line of the audit log against the table. Runs in the supervisor, which does not trust the broker's lines.
import {
  ANSWERERS,
  ASK_ENDS,
  DECISIONS,
  ENDED_BY,
  MODES,
  OUTCOMES,
  PROTOCOL_ERRORS,
  REASONS,
  SLOW_ACTIONS,
  WAYS_OUT,
  WHOLLY_TRAPPED,
} from '../reasons.js';
import {
  AUDIT_EVENTS,
  AUDIT_FIELDS,
  type AuditEvent,
  type AuditField,
  type AuditTypes,
  type EventForm,
} from './audit-events.js';

type Check = (value: unknown) => boolean;
type WordType = Exclude<keyof AuditTypes, 'string' | 'number' | 'boolean' | 'list of strings'>;

/** The words of each type that is a list of them. */
export const AUDIT_WORDS: { readonly [T in WordType]: readonly AuditTypes[T][] } = {
  door: WAYS_OUT,
  mode: MODES,
  decision: DECISIONS,
  reason: REASONS,
  outcome: OUTCOMES,
  call: WHOLLY_TRAPPED,
  kind: PROTOCOL_ERRORS,
  action: SLOW_ACTIONS,
  answer: ASK_ENDS,
  answerer: ANSWERERS,
  ended_by: ENDED_BY,
};

const CHECKS: ReadonlyMap<unknown, ReadonlyMap<string, Check>> = new Map(
  Object.entries<EventForm>(AUDIT_EVENTS).map(([event, form]) => [event, checksOf(form)]),
);

/** @returns undefined if the value is no event of the table, or if a field is missing, unknown or of a wrong type */
export function readAuditEvent(value: unknown): AuditEvent | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { event, ts, ...fields } = value as Readonly<Record<string, unknown>>;
  const checks = CHECKS.get(event);
  if (checks === undefined || typeof ts !== 'string') return undefined;
  for (const [name, check] of checks) if (!check(fields[name])) return undefined;
  return Object.keys(fields).every((name) => checks.has(name)) ? (value as AuditEvent) : undefined;
}

function checksOf({ fields, nullable, optional, always }: EventForm): ReadonlyMap<string, Check> {
  const checkOf = (name: AuditField): Check => {
    const word = always[name];
    const check: Check = word === undefined ? checkType(AUDIT_FIELDS[name].type) : (value) => value === word;
    const mayBeNull = nullable.includes(name);
    const mayBeMissing = optional.includes(name);
    return (value) => check(value) || (mayBeNull && value === null) || (mayBeMissing && value === undefined);
  };
  return new Map(fields.map((name) => [name, checkOf(name)]));
}

function checkType(type: keyof AuditTypes): Check {
  switch (type) {
    case 'string':
      return (value) => typeof value === 'string';
    case 'number':
      return Number.isFinite;
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'list of strings':
      return (value) => Array.isArray(value) && value.every((text) => typeof text === 'string');
    default: {
      const words: ReadonlySet<unknown> = new Set(AUDIT_WORDS[type]);
      return (value) => words.has(value);
    }
  }
}
