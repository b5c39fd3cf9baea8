// Writes audit events to stderr, stdout, a file or a named pipe, one JSON line each. What the destination does not take waits, up to a bound.
// Beyond it, events are left out, and a line says so in their place. Or, with when_full: block, none is left out, and the broker is asked to
// let requests wait.
import { constants, lstatSync, openSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { asciiJson } from '../../../shared/ascii-json.js';
import type { WhenFull } from '../../../shared/config/config-file.js';
import { PosternError } from '../../../shared/errors.js';
import { AUDIT_BACKLOG_BYTES, AUDIT_MOST_BYTES, AUDIT_START_BYTES } from '../../../shared/limits.js';
import type { AuditEvent, GapEvent } from '../../../shared/protocol/audit-events.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { kindOf, type OwnDescriptor, openOwn } from '../output/open-own.js';
import { Output, type OutputEvents } from '../output/output.js';
import { AUDIT_FIX, mayBeLink } from './audit-place.js';

export interface AuditSinkEvents {
  /** Events are left out. */
  readonly onDropped: (events: number) => void;
  /** Whether events are written, or wait or are left out because of a failure. */
  readonly onUp: (up: boolean) => void;
  /** With `block`: the log is full, or has room again. */
  readonly onRoom?: ((room: boolean) => void) | undefined;
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

export class AuditSink {
  readonly #destination: string;
  /** Where the links of its folder led at the start: a change of one of them later moves nothing. */
  readonly #place: string;
  readonly #events: AuditSinkEvents;
  readonly #output: Output;
  readonly #whenFull: WhenFull;
  readonly #mostBytes: number;
  #isFull = false;
  readonly #onStartRoom: (() => void)[] = [];
  #gap: Pick<GapEvent, 'events' | 'from' | 'to'> | undefined;

  /**
   * @param destination `stderr`, `stdout` or a path, to which lines are appended
   * @param whenFull `drop`: events without room are left out. `block`: they wait, and {@link AuditSinkEvents.onRoom} says that they do
   * @param mostBytes how many bytes may wait with `block`. Beyond it events are left out: the broker makes them, and is not trusted
   * @throws PosternError `audit_destination` where the path cannot be opened
   */
  constructor(
    destination: string,
    events: AuditSinkEvents,
    whenFull: WhenFull = 'drop',
    mostBytes: number = AUDIT_MOST_BYTES,
  ) {
    this.#whenFull = whenFull;
    this.#mostBytes = mostBytes;
    this.#destination = destination;
    this.#place = placeOf(destination);
    this.#events = events;
    const output: OutputEvents = {
      onFull: () => this.#block(),
      onRoom: () => (whenFull === 'block' ? this.#unblock() : this.#tellGap()),
      onTrouble: (code, passes) => {
        events.onUp(false);
        const waits = passes ? 'events wait until it can be written' : 'events are left out';
        events.onNotice(`cannot write the audit log to ${describe(destination)} (${code}): ${waits}`);
      },
      onRecovery: () => {
        events.onUp(this.#gap === undefined && !this.#isFull);
        events.onNotice(`the audit log is written to ${describe(destination)} again`);
      },
    };
    this.#output = new Output(
      open(this.#place),
      AUDIT_BACKLOG_BYTES,
      output,
      /* protects: G13 a full audit log keeps all events => false */ whenFull === 'block',
    );
    events.onUp(true);
  }

  /** Whether the log has room; undefined if it loses events. */
  get hasRoom(): boolean | undefined {
    return this.#whenFull === 'block' ? !this.#isFull : undefined;
  }

  /** Undefined if a plugin may start now: each start may add some events, also while requests wait. Otherwise resolves when it may. */
  get startRoom(): Promise<void> | undefined {
    if (this.#whenFull !== 'block' || this.#output.waiting <= AUDIT_START_BYTES) return undefined;
    return new Promise((resolve) => this.#onStartRoom.push(resolve));
  }

  write(event: AuditEvent): void {
    this.#tellGap();
    const mayWrite = this.#gap === undefined && this.#output.waiting <= this.#mostBytes;
    if (
      mayWrite &&
      this.#output.write(
        `${/* protects: G13 the audit log has one line an event, in ASCII => JSON.stringify(event) */ asciiJson(event)}\n`,
      )
    )
      return;
    if (this.#leaveOut({ events: 1, from: event.ts, to: event.ts })) {
      const why = this.#output.isGone ? 'nothing takes it any more' : 'nobody reads it fast enough';
      this.#events.onNotice(`the audit log loses events: ${why} at ${describe(this.#destination)}`);
    }
  }

  /** Notes a gap: events that nobody will write. @param since from when on they are missing; a time as in an event */
  lost(events: number, since: string): void {
    this.#leaveOut({ events, from: since, to: new Date().toISOString() });
    this.#tellGap();
  }

  /** Opens a file anew: it may have been renamed. A file that cannot be opened leaves the former one in use. */
  reopen(): void {
    if (this.#destination === 'stderr' || this.#destination === 'stdout') return;
    try {
      this.#output.replace(open(this.#place));
    } catch (error) {
      this.#events.onNotice(`${(error as Error).message}; the log goes on in the former file`);
    }
  }

  /** Resolves when all events are written, cannot be written, or after the time. */
  async close(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
    });
    await Promise.race([this.#output.drained(), late]);
    clearTimeout(timer);
    const lost = this.#output.linesWaiting;
    if (lost > 0)
      this.#events.onNotice(
        `the audit log ends without its last events, ${lost} in number: nothing took them at ${describe(this.#destination)}`,
      );
    // The output drops what waits, and so has room.
    this.#isFull = false;
    this.#output.close();
  }

  /** @returns whether the gap is a new one */
  #leaveOut(missing: Pick<GapEvent, 'events' | 'from' | 'to'>): boolean {
    this.#events.onDropped(missing.events);
    const before = this.#gap;
    this.#gap =
      before === undefined
        ? missing
        : { events: before.events + missing.events, from: before.from, to: missing.to };
    if (before === undefined) this.#events.onUp(false);
    return before === undefined;
  }

  #block(): void {
    this.#isFull = true;
    this.#events.onUp(false);
    this.#events.onNotice(
      `the audit log is full: nothing takes events fast enough at ${describe(this.#destination)}; new connections of plugins wait`,
    );
    this.#events.onRoom?.(false);
  }

  #unblock(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#tellGap();
    this.#events.onUp(this.#gap === undefined);
    this.#events.onNotice('the audit log has room again: new connections go on');
    this.#events.onRoom?.(true);
    for (const resolve of this.#onStartRoom.splice(0)) resolve();
  }

  #tellGap(): void {
    // A gap is shorter than most events. Written too soon, it would take the last room, and the next event would make another one.
    if (this.#gap === undefined || this.#output.isFull) return;
    const gap: GapEvent = { event: 'gap', ts: new Date().toISOString(), ...this.#gap };
    if (!this.#output.write(`${asciiJson(gap)}\n`)) return;
    this.#gap = undefined;
    this.#events.onUp(true);
    this.#events.onNotice(`the audit log goes on; ${gap.events} events are missing in it`);
  }
}

function describe(destination: string): string {
  return destination === 'stderr' || destination === 'stdout' ? destination : `"${destination}"`;
}

function placeOf(destination: string): string {
  if (destination === 'stderr' || destination === 'stdout') return destination;
  try {
    return mayBeLink(destination)
      ? destination
      : join(realpathSync(dirname(destination)), basename(destination));
  } catch (cause) {
    throw cannotAppend(destination, cause);
  }
}

function open(destination: string): OwnDescriptor {
  if (destination === 'stderr') return openOwn(2);
  if (destination === 'stdout') return openOwn(1);
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR, O_WRONLY } = constants;
  try {
    const mayLead = mayBeLink(destination);
    using folder =
      /* protects: G13 the audit file is opened through no link of a folder (as root) (whole) => undefined */ mayLead
        ? undefined
        : openFolder(dirname(destination));
    const path =
      folder === undefined ? destination : `/proc/self/fd/${folder.number}/${basename(destination)}`;
    // A pipe without a reader cannot be opened for writing alone, fifo(7). Open for both, it keeps what the next reader finds.
    const isPipe = lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
    const flags = (isPipe ? O_RDWR : O_WRONLY | O_CREAT) | O_APPEND | O_NONBLOCK;
    const fd = openSync(
      path,
      mayLead ? flags : flags | /* protects: G13 the audit file is no link (as root) */ O_NOFOLLOW,
      0o640,
    );
    const descriptor = new OwnedFd(fd);
    return { descriptor, kind: kindOf(descriptor) };
  } catch (cause) {
    throw cannotAppend(destination, cause);
  }
}

function cannotAppend(destination: string, cause: unknown): PosternError {
  return new PosternError('audit_destination', `Cannot append to the audit file "${destination}"`, {
    fix: AUDIT_FIX,
    cause,
  });
}
