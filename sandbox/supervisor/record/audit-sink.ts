// Writes audit events to stderr, stdout, a file or a named pipe, one JSON line each. What the destination does not take waits, up to a bound.
// Beyond it, events are left out, and a line says so in their place. Or, with when_full: block, none is left out, and the broker is asked to
// let requests wait.
//
// A file may be deleted or renamed while it is in use, and nobody would read what is written to it then. So the sink compares it with what its
// path leads to, once a second, and opens the path anew. An own line there says so.

import {
  accessSync,
  type BigIntStats,
  constants,
  fstatSync,
  lstat,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { asciiJson } from '../../../shared/ascii-json.js';
import type { AuditFormat, WhenFull } from '../../../shared/config/config-file.js';
import { PosternError } from '../../../shared/errors.js';
import { AUDIT_BACKLOG_BYTES, AUDIT_LOOK_MS } from '../../../shared/limits.js';
import type { AuditEvent, SupervisorEvent } from '../../../shared/protocol/audit-events.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { kindOf, Output, type OutputEvents, type OwnDescriptor, openOwn } from '../output/output.js';
import { formatAudit } from './audit-formats.js';

/** With when_full: block, no plugin starts while more events wait: a program that ends again and again adds some at each start. */
const AUDIT_START_BYTES = 8 * 1024 * 1024;
/** With when_full: block, more than this is left out all the same. Only a broker that was taken over makes so many events. */
const AUDIT_MOST_BYTES = 256 * 1024 * 1024;

interface AuditSinkEvents {
  /** Events are left out. */
  readonly onDropped: (events: number) => void;
  /** Whether events are written where they can be found, or wait or are left out because of a failure. */
  readonly onUp: (up: boolean) => void;
  /** With `block`: the log is full, or has room again. */
  readonly onRoom?: ((room: boolean) => void) | undefined;
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

type Missing = Pick<AuditEvent<'gap'>, 'events' | 'from' | 'to' | 'message'>;

export class AuditSink {
  readonly #destination: string;
  /** Where the links of its folder led at the start: a change of one of them later moves nothing. */
  readonly #place: string;
  readonly #events: AuditSinkEvents;
  readonly #output: Output;
  readonly #whenFull: WhenFull;
  readonly #format: AuditFormat;
  readonly #mostBytes: number;
  #isFull = false;
  readonly #onceRoom: (() => void)[] = [];
  #gap: Missing | undefined;
  #own: OwnDescriptor;
  /** Undefined: it is no file, or the path leads elsewhere each time. */
  #file: BigIntStats | undefined;
  #looks: NodeJS.Timeout | undefined;
  #isLooking = false;
  /** The file is not at its path any more, and none can be opened there. */
  #isAway = false;
  /** Lines that were taken, and how many of them were in the file when it was last seen at its path, and when. */
  #lines = 0;
  #seen = { lines: 0, at: new Date().toISOString() };

  /**
   * @param destination `stderr`, `stdout` or a path, to which lines are appended
   * @param whenFull `drop`: events without room are left out. `block`: they wait, and {@link AuditSinkEvents.onRoom} says that they do
   * @param format the form of each line
   * @param mostBytes how many bytes may wait with `block`. Beyond it events are left out: the broker makes them, and is not trusted
   * @throws PosternError `audit_destination` where the path cannot be opened
   */
  constructor(
    destination: string,
    events: AuditSinkEvents,
    whenFull: WhenFull = 'drop',
    format: AuditFormat = 'postern',
    mostBytes: number = AUDIT_MOST_BYTES,
  ) {
    this.#whenFull = whenFull;
    this.#format = format;
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
        this.#tellUp();
        events.onNotice(`the audit log is written to ${describe(destination)} again`);
      },
    };
    this.#own = open(this.#place);
    this.#output = new Output(
      this.#own,
      AUDIT_BACKLOG_BYTES,
      output,
      /* protects: G13 a full audit log keeps all events => false */ whenFull === 'block',
    );
    this.#watch();
    events.onUp(true);
  }

  /** Whether the log has room; undefined if it loses events. */
  get hasRoom(): boolean | undefined {
    return this.#whenFull === 'block' ? !this.#isFull : undefined;
  }

  /** Undefined if events may come, otherwise resolves when the full log has room again. */
  get room(): Promise<void> | undefined {
    if (!this.#isFull) return undefined;
    return new Promise((resolve) => this.#onceRoom.push(resolve));
  }

  /** Undefined if a plugin may start now: each start may add some events, also while requests wait. Otherwise resolves when it may. */
  get startRoom(): Promise<void> | undefined {
    if (this.#whenFull !== 'block' || this.#output.waiting <= AUDIT_START_BYTES) return undefined;
    return new Promise((resolve) => this.#onceRoom.push(resolve));
  }

  write(event: AuditEvent | SupervisorEvent): void {
    this.#tellGap();
    const mayWrite = this.#gap === undefined && this.#output.waiting <= this.#mostBytes;
    if (mayWrite && this.#put(event)) return;
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
      this.#replace();
    } catch (error) {
      this.#events.onNotice(`${(error as Error).message}; the log goes on in the former file`);
    }
  }

  /** Resolves when all events are written, cannot be written, or after the time. */
  async close(milliseconds: number): Promise<void> {
    clearInterval(this.#looks);
    this.#looks = undefined;
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

  #replace(onReplaced: (waiting: number) => void = () => this.#see()): void {
    this.#own = open(this.#place, this.#file !== undefined);
    this.#output.replace(this.#own, onReplaced);
    this.#watch();
  }

  /** From now on the file must stay where it is. */
  #watch(): void {
    const stats = fstatSync(this.#own.descriptor.number, { bigint: true });
    const isFile = stats.isFile() && this.#place.startsWith('/') && !mayBeLink(this.#place);
    this.#file = isFile ? stats : undefined;
    // protects: G13 the audit log does not go on in a file that is not at its path
    if (isFile) this.#looks ??= setInterval(() => this.#look(), AUDIT_LOOK_MS).unref();
  }

  #look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const file = this.#file;
    // The disk may take its time.
    lstat(this.#place, { bigint: true }, (error, found) => {
      this.#isLooking = false;
      if (file === undefined || file !== this.#file || this.#looks === undefined) return;
      const isGone = error !== null && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
      if (error !== null && !isGone) return;
      if (isGone || found.dev !== file.dev || found.ino !== file.ino) this.#find();
      else this.#see();
    });
  }

  /** The file is at its path. */
  #see(): void {
    this.#seen = { lines: this.#lines - this.#output.linesWaiting, at: new Date().toISOString() };
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#tellUp();
  }

  /** The file is not at its path. */
  #find(): void {
    const { lines, at } = this.#seen;
    const deleted = isDeleted(this.#own.descriptor.number);
    const message = deleted
      ? 'The file of the log was deleted, with what was written before'
      : 'The file of the log was renamed, and has what was written before';
    try {
      this.#replace((waiting) => {
        const events = deleted ? Math.max(0, this.#lines - waiting - lines) : 0;
        this.#leaveOut({ events, from: at, to: new Date().toISOString(), message });
        this.#tellGap();
        this.#see();
      });
    } catch (error) {
      if (this.#isAway) return;
      this.#isAway = true;
      this.#events.onUp(false);
      const what = `the audit log is not at ${describe(this.#destination)} any more`;
      this.#events.onNotice(`${what}. ${(error as Error).message}; the log goes on in the former file`);
    }
  }

  /** @returns whether there was room */
  #put(event: AuditEvent | SupervisorEvent): boolean {
    const written = formatAudit(this.#format, event);
    const line = `${/* protects: G13 the audit log has one line an event, in ASCII => JSON.stringify(written) */ asciiJson(written)}\n`;
    if (!this.#output.write(line)) return false;
    this.#lines += 1;
    return true;
  }

  #tellUp(): void {
    this.#events.onUp(this.#gap === undefined && !this.#isFull && !this.#isAway);
  }

  /** @returns whether the gap is a new one */
  #leaveOut(missing: Missing): boolean {
    if (missing.events > 0) this.#events.onDropped(missing.events);
    const before = this.#gap;
    this.#gap =
      before === undefined
        ? missing
        : { ...before, ...missing, events: before.events + missing.events, from: before.from };
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
    this.#tellUp();
    this.#events.onNotice('the audit log has room again: new connections go on');
    this.#events.onRoom?.(true);
    for (const resolve of this.#onceRoom.splice(0)) resolve();
  }

  #tellGap(): void {
    // A gap is shorter than most events. Written too soon, it would take the last room, and the next event would make another one.
    if (this.#gap === undefined || this.#output.isFull) return;
    const gap: AuditEvent<'gap'> = { event: 'gap', ts: new Date().toISOString(), ...this.#gap };
    if (!this.#put(gap)) return;
    this.#gap = undefined;
    this.#tellUp();
    const why = gap.message === undefined ? '' : `. ${gap.message}`;
    this.#events.onNotice(`the audit log goes on; ${gap.events} events are missing in it${why}`);
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

/** @param mustBeFile what is there may be put there by somebody else: a pipe would give the events to its reader */
function open(destination: string, mustBeFile = false): OwnDescriptor {
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
    const isPipe = !mustBeFile && lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
    const flags = (isPipe ? O_RDWR : O_WRONLY | O_CREAT) | O_APPEND | O_NONBLOCK;
    const fd = openSync(
      path,
      mayLead ? flags : flags | /* protects: G13 the audit file is no link (as root) */ O_NOFOLLOW,
      0o640,
    );
    const descriptor = new OwnedFd(fd);
    const isFile = fstatSync(fd).isFile();
    // protects: G13 a file of the audit log is replaced by a file alone
    if (mustBeFile && !isFile) {
      descriptor.close();
      throw new TypeError('It is no file');
    }
    return {
      descriptor,
      kind: kindOf(descriptor),
      isTorn:
        /* protects: G13 an event is not glued to a line without an end => false */ isFile && isTorn(fd),
    };
  } catch (cause) {
    throw cannotAppend(destination, cause);
  }
}

function isDeleted(fd: number): boolean {
  try {
    return fstatSync(fd).nlink === 0;
  } catch {
    // ESTALE: the server of a network file system has no such file any more.
    return true;
  }
}

/** Whether the last line has no end: a disk was full, or postern was killed. What cannot be read counts as whole. */
function isTorn(fd: number): boolean {
  const { size } = fstatSync(fd);
  if (size === 0) return false;
  try {
    using file = new OwnedFd(openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY));
    const last = Buffer.alloc(1);
    return readSync(file.number, last, 0, 1, size - 1) === 1 && last.toString() !== '\n';
  } catch {
    return false;
  }
}

function cannotAppend(destination: string, cause: unknown): PosternError {
  return new PosternError('audit_destination', `Cannot append to the audit file "${destination}"`, {
    fix: AUDIT_FIX,
    cause,
  });
}

// Whether the audit file may be a link. A link could lead to a file that is executed, for example ~/.bashrc. Also in a folder of root's a
// plugin may have put it, since a plugin of root writes there as the owner. Nobody makes links in /proc, and only root does in /dev.

const AUDIT_FIX = 'name a file, not a link, in a folder that exists and that you may write';

function mayBeLink(path: string): boolean {
  const folder = realpathSync(dirname(path));
  // /dev/fd leads to a folder of /proc. Every user writes in /dev/shm.
  return (
    /* protects: G14 the audit file is no link in root's folder either (as root) => process.geteuid() === 0 */ folder ===
      '/dev' || folder.startsWith('/proc/')
  );
}

/**
 * Opens and makes nothing.
 *
 * @param audit `stderr`, `stdout` or a path in a folder that exists
 * @returns why a start could not append to it; undefined if it could
 */
export function auditProblem(audit: string): { readonly message: string; readonly fix: string } | undefined {
  if (audit === 'stderr' || audit === 'stdout') return undefined;
  const { W_OK, X_OK } = constants;
  try {
    const found = lstatSync(audit, { throwIfNoEntry: false });
    // protects: G14 an audit file that is a link is refused
    if (found?.isSymbolicLink() === true && !mayBeLink(audit))
      return {
        message: `"${audit}" is a link, and would not be opened`,
        fix: 'name the file that it leads to',
      };
    if (found === undefined) accessSync(dirname(audit), W_OK | X_OK);
    else accessSync(audit, W_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { message: `Cannot append to the audit file "${audit}": ${code}`, fix: AUDIT_FIX };
  }
}
