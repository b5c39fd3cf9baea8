// What the brokers tell the supervisor, whichever of them runs. Runs in the supervisor.
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import type { BrokerLine } from '../../../shared/protocol/link.js';
import type { LostEvents } from './event-tally.js';

/** A broker that took the place of another. */
export interface Replaced {
  readonly pid: number;
  /** postern's. */
  readonly version: string;
  /** Whether the former one ended in order. Otherwise calls that it had received have failed, as after its death. */
  readonly inOrder: boolean;
}

export interface BrokerEvents {
  audit: [AuditEvent];
  /** A plugin wants an unknown destination, or nobody waits for the answer any more. */
  ask: [Extract<BrokerLine, { type: 'asked' | 'ask_ended' }>];
  /** A broker took audit events along. */
  lost: [LostEvents];
  /** Around a broker's death. */
  down: [];
  restarted: [];
  /** One took the place of another, which an operator wanted. */
  replaced: [Replaced];
  /** No further broker is started. */
  stopped: [];
  /** It stops answering (true), or answers again. */
  late: [boolean];
  /** It is killed for that. */
  hung: [];
  /** Brokers died again and again right after requests of one plugin. */
  blamed: [plugin: string];
  /** No new broker starts. */
  failed: [Error];
}
