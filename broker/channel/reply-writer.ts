// The broker's end of a channel's reply socket: replies leave in order, at once where the plugin reads. Runs in the broker.
// A plugin that does not read makes replies wait here; session.ts then reads no further request of it. What it sends the other
// way, where nothing has a place, is looked at and never received: closing a foreign descriptor can be made to wait.
import { REPLY_BACKLOG } from '../../shared/limits.js';
import type { ProtocolErrorKind } from '../../shared/reasons.js';
import { lookAtMessage, sendMessage } from '../../shared/sys/message.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { isHungUp } from '../../shared/sys/socket.js';
import { errnoName } from '../../shared/sys/system-error.js';
import { READABLE, Watch, WRITABLE } from '../../shared/sys/uv-poll.js';

interface WaitingReply {
  readonly bytes: Uint8Array;
  readonly descriptor: OwnedFd | undefined;
  readonly sent: (left: boolean) => void;
}

/** What a writer tells the session that it belongs to. */
export interface ReplyEvents {
  /** No reply waits any more. */
  drained(): void;
  /** The plugin has closed its end, or has sent something here: the channel is of no more use. */
  broken(): void;
}

/** Writes to a reply socket, and watches what comes from it. */
export class ReplyWriter {
  readonly #socket: OwnedFd;
  readonly #events: ReplyEvents;
  readonly #underGuard: <T>(work: () => T) => T;
  readonly #waiting: WaitingReply[] = [];
  readonly #watch: Watch;
  #open = true;
  /** READABLE, until the plugin can send nothing any more. */
  #watched: number = READABLE;

  /**
   * @param socket open until the writer has ended, and closed by its owner
   * @param underGuard does work that takes long if very many processes watch the plugin's end: a send wakes them all
   */
  constructor(socket: OwnedFd, events: ReplyEvents, underGuard: <T>(work: () => T) => T) {
    this.#socket = socket;
    this.#events = events;
    this.#underGuard = underGuard;
    this.#watch = new Watch(socket.number, (ready) => this.#onReady(ready));
    this.#watchOn();
  }

  get isFull(): boolean {
    return this.#waiting.length >= REPLY_BACKLOG;
  }

  /**
   * Sends a reply. The descriptor is closed here once it has left, or cannot.
   *
   * @returns whether it left; a promise where replies wait for the plugin. False with the channel still there means that
   *   too many descriptors are in flight to plugins that do not receive them (ETOOMANYREFS, unix(7))
   */
  send(bytes: Uint8Array, descriptor?: OwnedFd): boolean | Promise<boolean> {
    if (this.#waiting.length === 0) {
      const left = this.#trySend(bytes, descriptor);
      if (left !== undefined) return left;
    }
    return new Promise((resolve) => {
      this.#waiting.push({ bytes, descriptor, sent: resolve });
      this.#watchOn();
    });
  }

  /** What the plugin has sent here, where nothing has a place. */
  intrusion(): Extract<ProtocolErrorKind, 'unexpected_descriptor' | 'malformed'> | undefined {
    const found = lookAtMessage(this.#socket.number);
    if (found === 'descriptors') return 'unexpected_descriptor';
    return found === 'message' ? 'malformed' : undefined;
  }

  /** Sends nothing any more. What waits is dropped. */
  end(): void {
    this.#open = false;
    this.#watch.close();
    for (const { descriptor, sent } of this.#waiting.splice(0)) {
      descriptor?.close();
      sent(false);
    }
  }

  /** @returns undefined where the plugin has to read first */
  #trySend(bytes: Uint8Array, descriptor: OwnedFd | undefined): boolean | undefined {
    if (!this.#open) {
      descriptor?.close();
      return false;
    }
    const descriptors = descriptor === undefined ? [] : [descriptor.number];
    const result = this.#underGuard(() => sendMessage(this.#socket.number, bytes, descriptors));
    if (result < 0 && errnoName(-result) === 'EAGAIN') return undefined;
    descriptor?.close();
    if (result < 0 && errnoName(-result) !== 'ETOOMANYREFS') this.#events.broken();
    return result >= 0;
  }

  #watchOn(): void {
    this.#watch.want(this.#watched | (this.#waiting.length > 0 ? WRITABLE : 0));
  }

  #onReady(ready: number): void {
    if ((ready & READABLE) !== 0) this.#lookAtIntrusion();
    if (this.#open && this.#waiting.length > 0 && (ready & WRITABLE) !== 0) this.#flush();
  }

  #lookAtIntrusion(): void {
    const found = lookAtMessage(this.#socket.number);
    if (found === 'nothing') return;
    if (found !== 'end' || isHungUp(this.#socket.number)) {
      this.#events.broken();
      return;
    }
    // Shut for writing by the plugin: nothing can come any more.
    this.#watched = 0;
    this.#watchOn();
  }

  #flush(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const left = this.#trySend(next.bytes, next.descriptor);
      if (left === undefined) return;
      // A broken channel has ended meanwhile, and its queue with it.
      if (this.#waiting[0] === next) this.#waiting.shift();
      next.sent(left);
    }
    if (!this.#open) return;
    this.#watchOn();
    this.#events.drained();
  }
}
