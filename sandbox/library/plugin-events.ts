// What an application hears of its plugins, made from audit events. Their texts come from the broker, which reads hostile bytes.
import type { EventEmitter } from 'node:events';
import { decisionMessage } from '../../shared/policy/decision.js';
import { printable } from '../../shared/printable.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { DeniedEvent, FailedEvent, PluginEvents, PluginListeners, Told } from './types.js';

/** The events that audit events make, each with what its listeners get of one; undefined: nothing. */
type Makers = {
  readonly [E in Exclude<keyof PluginEvents, 'exit'>]: (event: AuditEvent) => PluginEvents[E][0] | undefined;
};

const MAKERS: Makers = {
  decision: (event) => (event.event === 'decision' ? event : undefined),
  connection: (event) => (event.event === 'decision' && event.outcome === 'connected' ? event : undefined),
  closed: (event) => (event.event === 'closed' ? event : undefined),
  denied: deniedEvent,
  failed: failedEvent,
};

export const PLUGIN_EVENTS: readonly (keyof PluginEvents)[] = [
  ...(Object.keys(MAKERS) as (keyof Makers)[]),
  'exit',
];

/** @returns the events of a plugin that an audit event makes, with the argument of their listeners */
export function eventsOf(event: AuditEvent): readonly (readonly [keyof Makers, unknown])[] {
  return Object.entries(MAKERS).flatMap(([name, make]) => {
    const made = make(event);
    return made === undefined ? [] : [[name as keyof Makers, made] as const];
  });
}

function deniedEvent(event: AuditEvent): DeniedEvent | undefined {
  switch (event.event) {
    case 'decision':
      return event.decision === 'deny' && event.reason !== 'dns_error'
        ? told(event, decisionMessage(event), event.suggestion, event.name_suggestion)
        : undefined;
    case 'question':
      // The first refusal of this name was told already.
      return event.decision === 'deny' && !event.repeated
        ? told(event, event.message, event.suggestion)
        : undefined;
    case 'datagram':
    case 'socket':
      return told(event, event.message);
    default:
      return undefined;
  }
}

function failedEvent(event: AuditEvent): FailedEvent | undefined {
  // The first failure of this destination was told already.
  return event.event === 'failed' && !event.repeated ? told(event, event.message) : undefined;
}

function told<E extends AuditEvent>(
  event: E,
  message: string,
  suggestion?: string,
  nameSuggestion?: string,
): E & Told {
  return {
    ...{ ...event, message: printable(message) },
    ...(suggestion !== undefined && { suggestion: printable(suggestion) }),
    ...(nameSuggestion !== undefined && { name_suggestion: printable(nameSuggestion) }),
  };
}

export function addListeners(emitter: EventEmitter, on: PluginListeners): void {
  for (const [event, listener] of Object.entries(on)) if (listener !== undefined) emitter.on(event, listener);
}

/** Calls each listener of an event apart: one that throws keeps the event from no other. */
export function tell(emitter: EventEmitter, event: string, ...args: readonly unknown[]): void {
  for (const listener of emitter.rawListeners(event)) callApart(() => Reflect.apply(listener, emitter, args));
}

/** Calls a function of the application. What it throws is an error of the application: Node reports it as uncaught, and the code of postern goes on. */
export function callApart(work: () => void): void {
  try {
    work();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
