// Bytes to a terminal, pipe, socket or file that may take none for a while, or for good. Runs in the supervisor. No call waits: what is not
// taken yet stays in a queue of bounded size.
import { fstatSync, write } from 'node:fs';
import { constants } from 'node:os';
import { sendSome } from '../../../shared/sys/datagram.js';
import { writeOnce } from '../../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { Watch, WRITABLE } from '../../../shared/sys/uv-poll.js';
import { ByteQueue } from './byte-queue.js';
import type { OwnDescriptor, WriteKind } from './open-own.js';

const { EAGAIN, EINTR, EIO, ENXIO, EPIPE } = constants.errno;
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
  return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? String(errno);
}
