// Writes audit events to stderr, stdout, a file or a named pipe, one JSON line each. What the destination does not take waits, up to a bound.
// Beyond it, events are left out, and a line says so in their place.
import { constants, lstatSync, openSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { asciiJson } from '../../../shared/ascii-json.js';
import { PosternError } from '../../../shared/errors.js';
import { AUDIT_BACKLOG_BYTES } from '../../../shared/limits.js';
import type { AuditEvent, GapEvent } from '../../../shared/protocol/audit-events.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { kindOf, type OwnDescriptor, openOwn } from '../output/open-own.js';
import { Output } from '../output/output.js';
import { mayBeLink } from './audit-place.js';

export interface AuditSinkEvents {
  /** An event is left out. */
  readonly onDropped: () => void;
  /** Whether events are written, or wait or are left out because of a failure. */
  readonly onUp: (up: boolean) => void;
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

export class AuditSink {
  readonly #destination: string;
  /** Where the links of its folder led at the start: a change of one of them later moves nothing. */
  readonly #place: string;
  readonly #events: AuditSinkEvents;
  readonly #output: Output;
  #gap: Pick<GapEvent, 'events' | 'from' | 'to'> | undefined;

  /**
   * @param destination `stderr`, `stdout` or a path, to which lines are appended
   * @throws PosternError `audit_destination` where the path cannot be opened
   */
  constructor(destination: string, events: AuditSinkEvents) {
    this.#destination = destination;
    this.#place = placeOf(destination);
    this.#events = events;
    this.#output = new Output(open(this.#place), AUDIT_BACKLOG_BYTES, {
      onRoom: () => this.#tellGap(),
      onTrouble: (code, passes) => {
        events.onUp(false);
        const waits = passes ? 'events wait until it can be written' : 'events are left out';
        events.onNotice(`cannot write the audit log to ${describe(destination)} (${code}): ${waits}`);
      },
      onRecovery: () => {
        events.onUp(this.#gap === undefined);
        events.onNotice(`the audit log is written to ${describe(destination)} again`);
      },
    });
    events.onUp(true);
  }

  write(event: AuditEvent): void {
    this.#tellGap();
    if (this.#gap === undefined && this.#output.write(`${asciiJson(event)}\n`)) return;
    this.#events.onDropped();
    if (this.#gap === undefined) {
      this.#gap = { events: 1, from: event.ts, to: event.ts };
      this.#events.onUp(false);
      const why = this.#output.isGone ? 'nothing takes it any more' : 'nobody reads it fast enough';
      this.#events.onNotice(`the audit log loses events: ${why} at ${describe(this.#destination)}`);
    } else this.#gap = { ...this.#gap, events: this.#gap.events + 1, to: event.ts };
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
    this.#output.close();
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
    using folder = mayLead ? undefined : openFolder(dirname(destination));
    const path =
      folder === undefined ? destination : `/proc/self/fd/${folder.number}/${basename(destination)}`;
    // A pipe without a reader cannot be opened for writing alone, fifo(7). Open for both, it keeps what the next reader finds.
    const isPipe = lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
    const flags = (isPipe ? O_RDWR : O_WRONLY | O_CREAT) | O_APPEND | O_NONBLOCK;
    const fd = openSync(path, mayLead ? flags : flags | O_NOFOLLOW, 0o640);
    const descriptor = new OwnedFd(fd);
    return { descriptor, kind: kindOf(descriptor) };
  } catch (cause) {
    throw cannotAppend(destination, cause);
  }
}

function cannotAppend(destination: string, cause: unknown): PosternError {
  return new PosternError('audit_destination', `Cannot append to the audit file "${destination}"`, {
    fix: 'name a file, not a link, in a folder that exists and that you may write',
    cause,
  });
}
