// One line for each audit event, for a person. Pure.
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { Tone } from './parts.js';
import { placeOf } from './summarize.js';

/** What a stream is filtered by. */
export const EVENT_KINDS = ['allowed', 'refused', 'failed', 'closed', 'request', 'other'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export interface EventRow {
  readonly kind: EventKind;
  readonly tone: Tone;
  readonly plugin: string;
  readonly what: string;
  readonly detail: string;
  /** The rule that decided, or that would allow it. */
  readonly rule: string | undefined;
}

export function rowOf(event: AuditEvent): EventRow {
  const { plugin } = event;
  switch (event.event) {
    case 'decision':
    case 'explain':
      return {
        ...kindOf(event.decision),
        plugin,
        what: placeOf(event.host, event.port),
        detail: event.decision === 'allow' ? (event.outcome ?? 'no attempt') : event.reason,
        rule: event.rule ?? event.suggestion,
      };
    case 'question':
      return {
        ...kindOf(event.decision),
        plugin,
        what: `look-up of ${event.name ?? `${event.questions} further names`}`,
        detail: event.reason ?? event.message,
        rule: event.rule ?? event.suggestion,
      };
    case 'datagram':
    case 'socket':
      return {
        ...kindOf('deny'),
        plugin,
        what: placeOf(event.host, event.port),
        detail: event.reason,
        rule: undefined,
      };
    case 'failed':
      return {
        kind: 'failed',
        tone: 'warn',
        plugin,
        what: placeOf(event.host, event.port),
        detail: event.reason ?? 'no connection',
        rule: undefined,
      };
    case 'closed':
      return {
        ...{ kind: 'closed', tone: 'dim', plugin },
        what: placeOf(event.host, event.port),
        detail: `${event.ended_by}, sent ${event.sent_bytes ?? '?'}, received ${event.received_bytes ?? '?'} bytes`,
        rule: undefined,
      };
    case 'http':
      return {
        kind: 'request',
        tone: event.decision === 'deny' ? 'bad' : 'good',
        plugin,
        what: `${event.method} ${event.host}${event.path}`,
        detail: `${event.status}, ${Math.round(event.duration_ms)} ms`,
        rule: event.rule ?? event.suggestion,
      };
    case 'loopback':
      return {
        kind: 'other',
        tone: 'warn',
        plugin,
        what: placeOf(event.host, event.port),
        detail: event.message,
        rule: event.suggestion,
      };
    case 'limited':
      return {
        kind: 'other',
        tone: 'warn',
        plugin,
        what: event.limit,
        detail: event.message,
        rule: undefined,
      };
    case 'slow':
      return {
        kind: 'other',
        tone: 'bad',
        plugin,
        what: 'ended',
        detail: `it made the broker wait for ${event.milliseconds} ms`,
        rule: undefined,
      };
    case 'protocol_error':
      return {
        kind: 'other',
        tone: 'bad',
        plugin,
        what: 'its channel was closed',
        detail: event.kind,
        rule: undefined,
      };
  }
}

function kindOf(decision: 'allow' | 'deny' | 'would_deny'): {
  readonly kind: EventKind;
  readonly tone: Tone;
} {
  if (decision === 'allow') return { kind: 'allowed', tone: 'good' };
  return { kind: 'refused', tone: decision === 'deny' ? 'bad' : 'warn' };
}
