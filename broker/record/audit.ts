// The audit events of the broker: who asked, what was decided, how many were sent. Runs in the broker. The supervisor writes them to the log.

import { randomBytes } from 'node:crypto';
import { AUDIT_BACKLOG_BYTES, GATHER_MS } from '../../shared/limits.js';
import type { AuditEventName, AuditFields } from '../../shared/protocol/audit-events.js';
import { MappedMemory } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import type { Door } from '../../shared/words.js';
import { LogGate, type LogRoom } from './log-gate.js';

/** Records of answered requests that the broker keeps before it makes their events. */
const LATE_RECORDS = 8;

// The audit log: one JSON line for each event, which the supervisor writes.

/** Where the lines go. */
interface AuditOutput {
  /** About how many bytes wait to be taken. */
  readonly backlogBytes: number;
  /** @param json one BrokerLine, encoded */
  sendSoon(json: string): void;
}

/**
 * Sends events to the supervisor. Past AUDIT_BACKLOG_BYTES, or past a plugin's own share, they are dropped and counted. With when_full: block
 * none is dropped: requests wait at the plugin's gate before they could make one.
 */
export class Audit {
  readonly #output: AuditOutput;
  /** Decision ids are unique across brokers too. */
  readonly #prefix: string = randomBytes(6).toString('hex');
  readonly #onDropped: () => void;
  readonly #shares = new Map<string, { readonly bucket: TokenBucket; readonly limited: () => void }>();
  readonly room: LogRoom;
  readonly #tally: EventTally;
  readonly #late: (() => void)[] = [];
  readonly #readsAll: boolean;
  #flushing: NodeJS.Timeout | undefined;
  #hurries = false;
  #count = 0;

  /**
   * @param onDropped called for each event that is dropped
   * @param room whether the log has room, if it loses no event
   * @param tally counts events for the time after this process
   * @param readsAll false: nobody reads what an operator need not see. No text is made of it
   */
  constructor(
    output: AuditOutput,
    onDropped: () => void,
    room: LogRoom,
    tally: EventTally,
    readsAll: boolean = true,
  ) {
    this.#readsAll = readsAll;
    this.#tally = tally;
    this.#onDropped = onDropped;
    this.room = room;
    this.#output = output;
  }

  nextDecisionId(): string {
    this.#count += 1;
    return `${this.#prefix}-${this.#count.toString(36)}`;
  }

  /** Bounds a plugin's events from now on. @param limited called for each event past the bound */
  limit(plugin: string, perSecond: number, limited: () => void): void {
    this.#shares.set(plugin, { bucket: new TokenBucket(perSecond), limited });
  }

  /** Where the plugin's requests wait for room, whatever its bound is then. */
  gate(plugin: string): LogGate {
    return new LogGate(this.room, () => this.#shares.get(plugin)?.bucket.owedMs ?? 0);
  }

  /** Removes a plugin's bound. */
  unlimit(plugin: string): void {
    this.#shares.delete(plugin);
  }

  /**
   * The event of a decision, or of a connection's end, will follow. Called before the plugin can have its answer, or before the next broker would find
   * nothing of the connection: what happened might outlive this process uncounted.
   */
  owe(): void {
    this.#tally.add(1);
  }

  /**
   * Makes a record within GATHER_MS, before any later event: the broker first answers the callers that wait.
   *
   * @param record calls decision() for an event that is owed
   */
  later(record: () => void): void {
    this.#late.push(record);
    if (this.#hurries || this.#late.length >= LATE_RECORDS) this.flush();
    else this.#flushing ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  /** This process ends soon: no record waits from now on. */
  hurry(): void {
    this.#hurries = true;
    this.flush();
  }

  /** Makes all records that wait. */
  flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    for (const record of this.#late.splice(0)) record();
  }

  /**
   * @param mustBeSeen whether an operator must see it: something was refused
   * @param event is made if somebody reads it
   * @param isOwed whether owe() was called for it
   * @param at when it happened, if not now
   */
  decision(
    plugin: string,
    mustBeSeen: boolean,
    event: () => AuditFields<'decision'>,
    isOwed: boolean,
    at: Date,
  ): void {
    if (!this.#mayWrite(plugin, isOwed)) return;
    if (mustBeSeen || this.#readsAll) this.#write('decision', event(), at);
    else this.#tally.add(-1);
  }

  /** For an event that is owed. Records that wait come first: one of them may describe this connection. */
  closed(plugin: string, event: () => AuditFields<'closed'>): void {
    this.flush();
    if (!this.#mayWrite(plugin, true)) return;
    if (this.#readsAll) this.#write('closed', event());
    else this.#tally.add(-1);
  }

  /** A plugin asked for an explanation. */
  explain(event: AuditFields<'explain'>): void {
    if (this.#mayWrite(event.plugin)) this.#write('explain', event);
  }

  question(event: AuditFields<'question'>): void {
    if (this.#mayWrite(event.plugin)) this.#write('question', event);
  }

  datagram(event: AuditFields<'datagram'>): void {
    if (this.#mayWrite(event.plugin)) this.#write('datagram', event);
  }

  socket(event: AuditFields<'socket'>): void {
    if (this.#mayWrite(event.plugin)) this.#write('socket', event);
  }

  failed(event: AuditFields<'failed'>): void {
    if (this.#mayWrite(event.plugin)) this.#write('failed', event);
  }

  loopback(event: AuditFields<'loopback'>): void {
    if (this.#mayWrite(event.plugin)) this.#write('loopback', event);
  }

  slow(event: AuditFields<'slow'>): void {
    this.flush();
    this.#tally.add(1);
    this.#write('slow', event);
  }

  limited(event: AuditFields<'limited'>): void {
    if (this.#mayWrite(event.plugin)) this.#write('limited', event);
  }

  protocolError(event: AuditFields<'protocol_error'>): void {
    if (this.#mayWrite(event.plugin)) this.#write('protocol_error', event);
  }

  #mayWrite(plugin: string, isOwed = false): boolean {
    if (!isOwed) {
      this.flush();
      this.#tally.add(1);
    }
    const share = this.#shares.get(plugin);
    if (share === undefined) return true;
    if (this.room.losesNothing) {
      share.bucket.spend();
      return true;
    }
    if (share.bucket.take()) return true;
    share.limited();
    this.#drop();
    return false;
  }

  #write<Name extends AuditEventName>(event: Name, fields: AuditFields<Name>, at?: Date): void {
    const ts = at === undefined ? new Date().toISOString() : at.toISOString();
    const line = `{"event":"${event}","ts":"${ts}",${JSON.stringify(fields).slice(1)}`;
    const isFull = this.#output.backlogBytes + line.length > AUDIT_BACKLOG_BYTES;
    if (isFull && !this.room.losesNothing) this.#drop();
    else this.#output.sendSoon(`{"type":"audit","line":${line}}`);
  }

  #drop(): void {
    this.#tally.add(-1);
    this.#onDropped();
  }
}

// Counts the events that this broker has made, in memory that the supervisor keeps. If the broker is killed, some have not left yet: the
// supervisor compares the count with what came. An event counts before the plugin has its answer.

export class EventTally {
  #made: Float64Array | undefined;

  /** @param memory for one number of 8 bytes; it is closed here */
  attach(memory: OwnedFd): void {
    const { bytes } = new MappedMemory(memory.number, Float64Array.BYTES_PER_ELEMENT);
    this.#made = new Float64Array(bytes.buffer);
    memory.close();
  }

  /** @param events how many; negative: they are dropped, and counted as such */
  add(events: number): void {
    if (this.#made !== undefined) this.#made[0] = (this.#made[0] ?? 0) + events;
  }
}

// The process that asked, for the account and the audit log.

/** The door that a request came by, and its process. */
export interface Origin {
  /** As the audit log names it: `trap` is the transparent one. */
  readonly door: Door;
  /** The process's id on the host. */
  readonly pid: number | null;
  /** The program's name, proc(5) comm. The program chooses it: at most 15 bytes of any kind. Print it quoted. */
  readonly program: string | null;
}

/** A channel names its plugin but no process, since the supervisor made its pipe and its sockets. */
export const CHANNEL: Origin = { door: 'channel', pid: null, program: null };
/** An unknown process of the plugin. */
export const SOMEBODY: Origin = { door: 'trap', pid: null, program: null };
