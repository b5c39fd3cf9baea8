// Bytes to a terminal, pipe, socket or file that may take none for a while, or for good. Runs in the supervisor. No call waits: what is not
// taken yet stays in a queue of bounded size.

import { constants, fstatSync, openSync, write } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { sendSome } from '../../../shared/sys/datagram.js';
import { duplicate, writeOnce } from '../../../shared/sys/fcntl.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { foregroundGroup } from '../../../shared/sys/process-control.js';
import { Watch, WRITABLE } from '../../../shared/sys/uv-poll.js';

const { EAGAIN, EINTR, EIO, ENXIO, EPIPE } = osConstants.errno;
/** After a failure that may pass, as a full disk. */
const RETRY_MS = 500;
const SHARED_RETRY_MS = 20;

export interface OutputEvents {
  /** More than the limit waits. Only with `keepsAll`. */
  readonly onFull?: (() => void) | undefined;
  /** There is less than half of the limit in the queue again. */
  readonly onRoom?: (() => void) | undefined;
  /** The first failure to write, and the end of it. A failure that does not pass has no end. */
  readonly onTrouble?: ((code: string, passes: boolean) => void) | undefined;
  readonly onRecovery?: (() => void) | undefined;
}

export class Output {
  readonly #limit: number;
  readonly #events: OutputEvents;
  readonly #keepsAll: boolean;
  #descriptor: OwnedFd;
  #kind: WriteKind;
  #watch: Watch | undefined;
  readonly #queue = new ByteQueue();
  #busy = false;
  #retry: NodeJS.Timeout | undefined;
  #troubled = false;
  #gone = false;
  #wasFull = false;
  #onEmpty: (() => void)[] = [];
  readonly #onIdle: (() => void)[] = [];

  /**
   * @param limitBytes how many bytes may wait
   * @param keepsAll takes more all the same, and tries again after every failure: the writer bounds what waits
   */
  constructor(own: OwnDescriptor, limitBytes: number, events: OutputEvents = {}, keepsAll = false) {
    this.#limit = limitBytes;
    this.#events = events;
    this.#keepsAll = keepsAll;
    this.#descriptor = own.descriptor;
    this.#kind = own.kind;
    this.#begin(own);
  }

  /** Bytes that wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Whether it had no room for something, and has not told {@link OutputEvents.onRoom} yet. */
  get isFull(): boolean {
    return this.#wasFull;
  }

  /** How many lines wait, as far as they are whole. */
  get linesWaiting(): number {
    return this.#queue.lines;
  }

  /** Whether nothing is ever written any more: the reader or the terminal is gone. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** @returns false if there is no room for it: nothing of it is taken. An empty queue has room for anything */
  write(text: string | Uint8Array): boolean {
    const bytes = typeof text === 'string' ? Buffer.from(text) : Buffer.from(text);
    if (this.#gone) return false;
    const isFull = this.#queue.length > 0 && this.#queue.length + bytes.length > this.#limit;
    const isNews = isFull && !this.#wasFull;
    if (isFull) this.#wasFull = true;
    if (isFull && !this.#keepsAll) return false;
    this.#queue.add(bytes);
    if (isNews && this.#keepsAll) this.#events.onFull?.();
    if (!this.#busy && this.#retry === undefined) this.#flush();
    return true;
  }

  /**
   * Goes on with another descriptor. What waits goes there, and a line of which a part was written goes there whole.
   *
   * @param onReplaced called when nothing more is written to the former one, with how many lines go to the other one
   */
  replace(own: OwnDescriptor, onReplaced: (lines: number) => void = () => {}): void {
    if (this.#busy) {
      // A thread still writes into the former one.
      this.#onIdle.push(() => this.replace(own, onReplaced));
      return;
    }
    const former = this.#descriptor;
    this.#queue.startLineAnew();
    this.#watch?.close();
    this.#watch = undefined;
    this.#gone = false;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    former.close();
    const lines = this.linesWaiting;
    this.#begin(own);
    onReplaced(lines);
  }

  /** Resolves when all is written, or cannot be written any more. */
  drained(): Promise<void> {
    if (this.#queue.length === 0 || this.#gone) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  /** Closes the descriptor. What waits is dropped. */
  close(): void {
    this.#end();
    this.#watch?.close();
    if (this.#busy) this.#onIdle.push(() => this.#descriptor.close());
    else this.#descriptor.close();
  }

  #begin({ descriptor, kind, isTorn = false }: OwnDescriptor): void {
    this.#descriptor = descriptor;
    this.#kind = kind;
    if (isTorn) this.#queue.endLine();
    this.#flush();
  }

  #flush(): void {
    if (this.#kind === 'thread') {
      this.#writeOnThread();
      return;
    }
    for (let bytes = this.#queue.first; bytes !== undefined && !this.#gone; bytes = this.#queue.first) {
      const result = this.#writeNow(bytes);
      if (result === -EAGAIN) {
        this.#await();
        return;
      }
      if (result < 0) {
        this.#fail(-result);
        return;
      }
      this.#took(result);
    }
    this.#watch?.want(0);
  }

  #writeNow(bytes: Buffer): number {
    const fd = this.#descriptor.number;
    if (this.#kind === 'socket') return sendSome(fd, bytes);
    return writeOnce(fd, bytes);
  }

  #await(): void {
    if (this.#kind !== 'now') {
      // A watch would make the file non-blocking for those who share it.
      this.#retryIn(SHARED_RETRY_MS);
      return;
    }
    this.#watch ??= new Watch(this.#descriptor.number, () => this.#flush());
    this.#watch.want(WRITABLE);
  }

  #writeOnThread(): void {
    const bytes = this.#queue.join();
    if (bytes.length === 0) return;
    this.#busy = true;
    write(this.#descriptor.number, bytes, 0, bytes.length, null, (error, written) => {
      this.#busy = false;
      const errno = Math.abs(error?.errno ?? 0);
      if (error === null && !this.#gone) this.#took(written);
      for (const act of this.#onIdle.splice(0)) act();
      if (this.#gone || this.#busy || this.#retry !== undefined || !this.#descriptor.open) return;
      if (errno !== 0 && errno !== EINTR) this.#fail(errno);
      else if (this.#queue.length > 0) this.#flush();
    });
  }

  #took(count: number): void {
    this.#queue.took(count);
    if (this.#troubled) {
      this.#troubled = false;
      this.#events.onRecovery?.();
    }
    if (this.#wasFull && this.#queue.length <= this.#limit / 2) {
      this.#wasFull = false;
      this.#events.onRoom?.();
    }
    if (this.#queue.length === 0) for (const done of this.#onEmpty.splice(0)) done();
  }

  get #isFile(): boolean {
    return fstatSync(this.#descriptor.number).isFile();
  }

  #fail(errno: number): void {
    const code = codeOf(errno);
    // A disk is full, or a file system has a passing failure. A pipe or terminal without its other end has none.
    const mayPass = ![EPIPE, EIO, ENXIO].includes(errno) || (errno === EIO && this.#isFile);
    const passes = mayPass || this.#keepsAll;
    if (!this.#troubled) {
      this.#troubled = true;
      this.#events.onTrouble?.(code, passes);
    }
    if (!passes) {
      this.#end();
      return;
    }
    this.#retryIn(RETRY_MS);
  }

  #retryIn(milliseconds: number): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#flush();
    }, milliseconds);
  }

  #end(): void {
    this.#gone = true;
    this.#queue.clear();
    clearTimeout(this.#retry);
    this.#watch?.want(0);
    for (const done of this.#onEmpty.splice(0)) done();
    if (this.#wasFull) {
      this.#wasFull = false;
      this.#events.onRoom?.();
    }
  }
}

function codeOf(errno: number): string {
  return Object.entries(osConstants.errno).find(([, number]) => number === errno)?.[0] ?? String(errno);
}

// Bytes in the order in which they are to be written. Remembers what was written of a line that has not ended. Pure.

const NEWLINE = 0x0a;

export class ByteQueue {
  #queue: Buffer[] = [];
  #length = 0;
  /** What was written of a line that has not ended. */
  #part: Buffer = Buffer.alloc(0);

  /** How many bytes wait. */
  get length(): number {
    return this.#length;
  }

  /** The bytes to be written next; undefined if there are none. */
  get first(): Buffer | undefined {
    return this.#queue[0];
  }

  /** How many lines wait, as far as they are whole. */
  get lines(): number {
    let lines = 0;
    for (const bytes of this.#queue)
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines += 1;
    return lines;
  }

  /** Nothing to write is no entry: it would be written again and again until the queue is empty. */
  add(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#length += bytes.length;
  }

  /** @returns all that waits, as one */
  join(): Buffer {
    const bytes = Buffer.concat(this.#queue);
    this.#queue = bytes.length === 0 ? [] : [bytes];
    return bytes;
  }

  /** The first bytes have been written. */
  took(count: number): void {
    this.#length -= count;
    for (let left = count; left > 0; ) {
      const [first] = this.#queue;
      if (first === undefined) break;
      this.#note(first.subarray(0, left));
      if (first.length > left) {
        this.#queue[0] = first.subarray(left);
        break;
      }
      left -= first.length;
      this.#queue.shift();
    }
  }

  /** What follows is written elsewhere: a line of which a part was written is written there whole. */
  startLineAnew(): void {
    if (this.#part.length > 0 && this.#queue.length > 0) {
      this.#queue.unshift(this.#part);
      this.#length += this.#part.length;
    }
    this.#part = Buffer.alloc(0);
  }

  /** What follows is written behind a line that somebody else began. */
  endLine(): void {
    this.#queue.unshift(Buffer.from([NEWLINE]));
    this.#length += 1;
  }

  /** Drops what waits. */
  clear(): void {
    this.#queue = [];
    this.#length = 0;
  }

  #note(written: Buffer): void {
    const end = written.lastIndexOf(NEWLINE);
    this.#part = end < 0 ? Buffer.concat([this.#part, written]) : Buffer.from(written.subarray(end + 1));
  }
}

// Descriptors of postern's own for what another process gave it. O_NONBLOCK belongs to the open file: set on a
// descriptor that others share, it would be theirs too.

const { O_APPEND, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;

/** How bytes are written so that no write waits. */
type WriteKind =
  /** The descriptor is non-blocking: a write takes what there is room for. */
  | 'now'
  /** A socket that others share: each call says that it does not wait. */
  | 'socket'
  /** A file, or what others share and cannot be opened again: a thread writes, since a write can take its time. */
  | 'thread';

export interface OwnDescriptor {
  readonly descriptor: OwnedFd;
  readonly kind: WriteKind;
  /** A file whose last line has no end: it is ended first. */
  readonly isTorn?: boolean;
}

/** @param fd a descriptor of this process, as 1 or 2 */
export function openOwn(fd: number): OwnDescriptor {
  const stats = fstatSync(fd);
  if (stats.isFile() || stats.isBlockDevice()) return { descriptor: duplicate(fd), kind: 'thread' };
  if (stats.isSocket()) return { descriptor: duplicate(fd), kind: 'socket' };
  // The permissions of a terminal's file may keep this user out, but not from its own controlling terminal, tty(4).
  const path = foregroundGroup(fd) >= 0 ? '/dev/tty' : `/proc/self/fd/${fd}`;
  try {
    const flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY;
    return { descriptor: new OwnedFd(openSync(path, flags)), kind: 'now' };
  } catch {
    return { descriptor: duplicate(fd), kind: 'thread' };
  }
}

/** The kind of a file that postern has opened with O_NONBLOCK. */
export function kindOf(descriptor: OwnedFd): WriteKind {
  const stats = fstatSync(descriptor.number);
  return stats.isFile() || stats.isBlockDevice() ? 'thread' : 'now';
}
