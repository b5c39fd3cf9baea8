// What the brokers tell the supervisor, whichever of them runs. Runs in the supervisor.

import { readSync } from 'node:fs';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import type { BrokerLine } from '../../../shared/protocol/link.js';
import { createMemoryFile } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { BrokerLines } from './broker-lines.js';

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
  /** A broker acts on an answer. It may have ended since. */
  taken: [Extract<BrokerLine, { type: 'ask_taken' }>];
  /** The broker that served has ended, in whatever way: what it numbered, the next one numbers anew. */
  gone: [];
  /** A broker took audit events along. */
  lost: [LostEvents];
  /** Around a broker's death. */
  down: [];
  restarted: [];
  /** The last page of metrics of a broker that ended in order. */
  counted: [page: string, pid: number];
  /** One took the place of another, which an operator wanted. */
  replaced: [Replaced];
  /** No further broker is started. */
  stopped: [];
  /** It stops answering (true), or answers again. */
  late: [boolean];
  /** It is killed for that. */
  hung: [];
  /** A plugin must not run again. See {@link Blame}. */
  blamed: [plugin: string, blame: Blame];
  /** No new broker starts. */
  failed: [Error];
}

/** `deadly`: brokers died again and again right after its requests. `stalls`: the kernel worked for it on the broker's thread, past its end. */
export type Blame = 'deadly' | 'stalls';

// Tells how many audit events a dead broker took along: it counts those that it makes in memory that outlives it. A
// broker that was taken over can count wrongly, and gains nothing: it could leave out events anyway.

/** What a broker took along. */
export interface LostEvents {
  readonly events: number;
  /** The time of the last event that came, or of its start; as in an event. */
  readonly since: string;
}

/** One broker's. */
export class TallyReader {
  /** One number of 8 bytes. */
  readonly memory: OwnedFd = createMemoryFile('postern-events', Float64Array.BYTES_PER_ELEMENT);
  #received = 0;
  #since = new Date().toISOString();

  /** An event came. @param ts its time */
  receive(ts: string): void {
    this.#received += 1;
    this.#since = ts;
  }

  /** Nothing more comes. @returns undefined if no event is missing */
  close(): LostEvents | undefined {
    const made = new Float64Array(1);
    readSync(this.memory.number, made, 0, made.byteLength, 0);
    this.memory.close();
    const [count = 0] = made;
    const events = Number.isSafeInteger(count) ? count - this.#received : 0;
    return events > 0 ? { events, since: this.#since } : undefined;
  }
}

// Counts audit events that could not be written, until a broker is there that takes the number.

export class DroppedEvents {
  #events = 0;

  add(events: number): void {
    this.#events += events;
  }

  /** @param lines of the running broker, which counts them with its own */
  tell(lines: BrokerLines | undefined): void {
    if (lines === undefined || this.#events === 0) return;
    lines.send({ type: 'audit_dropped', events: this.#events });
    this.#events = 0;
  }
}
