// The broker's end of a channel's reply socket. Replies leave in order, and at once if the plugin reads. Runs in the broker. If the plugin
// does not read, replies wait here and session.ts reads no further request. The plugin may send nothing by this socket. The broker only
// looks at such a message and never receives it, since the plugin could block the close of a descriptor in it.

import { errnoName } from '../../shared/sys/libc.js';
import { lookAtMessage, sendMessage } from '../../shared/sys/message.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { isHungUp, unreadBytes } from '../../shared/sys/socket.js';
import { READABLE, Watch, WRITABLE } from '../../shared/sys/uv-poll.js';
import type { ProtocolErrorKind } from '../../shared/words.js';
import type { DescriptorShare } from '../limit/descriptor-shares.js';

/** Replies that wait for a plugin to read them. Past it the broker reads no request of that channel. */
const REPLY_BACKLOG = 256;
/** How long after a descriptor the broker looks whether the plugin has received it. Each further look waits twice as long, up to the most. */
const UNRECEIVED_LOOK_MS = 100;
const UNRECEIVED_MOST_LOOK_MS = 1_600;

interface WaitingReply {
  readonly bytes: Uint8Array;
  readonly descriptor: OwnedFd | undefined;
  readonly sent: (left: boolean) => void;
}

/** The writer's calls to its session. */
interface ReplyEvents {
  /** No reply waits any more. */
  drained(): void;
  /** The plugin has closed its end, or has sent something: the channel is over. */
  broken(): void;
}

/** Writes to a reply socket, and watches it for what the plugin sends. */
export class ReplyWriter {
  readonly #socket: OwnedFd;
  readonly #events: ReplyEvents;
  readonly #underGuard: <T>(work: () => T) => T;
  readonly #waiting: WaitingReply[] = [];
  readonly #watch: Watch;
  readonly #unreceived: Unreceived;
  #open = true;
  /** READABLE, until the plugin can send nothing more. */
  // protects: G8 what is sent to the reply socket ends the session => #watched = 0
  #watched: number = READABLE;

  /**
   * @param socket open until everything was received, and closed by its owner
   * @param underGuard does work that takes long if very many processes watch the plugin's end: a send wakes them all
   * @param descriptors holds what the plugin has not received
   */
  constructor(
    socket: OwnedFd,
    events: ReplyEvents,
    underGuard: <T>(work: () => T) => T,
    descriptors: DescriptorShare,
  ) {
    this.#socket = socket;
    this.#events = events;
    this.#underGuard = underGuard;
    this.#watch = new Watch(socket.number, (ready) => this.#onReady(ready));
    this.#unreceived = new Unreceived(socket, descriptors);
    this.#watchOn();
  }

  /** Whether a reply waits for the plugin. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  get isFull(): boolean {
    return this.#waiting.length >= REPLY_BACKLOG;
  }

  /**
   * Sends a reply. The descriptor is closed here once it has left, or cannot.
   *
   * @returns whether it left; a promise if replies wait for the plugin. False while the channel is open means that too many
   *   descriptors are in flight to plugins that do not receive them (ETOOMANYREFS, unix(7))
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

  /** The offence, if the plugin has sent something here. */
  intrusion(): Extract<ProtocolErrorKind, 'unexpected_descriptor' | 'malformed'> | undefined {
    const found = lookAtMessage(this.#socket.number);
    if (found === 'descriptors') return 'unexpected_descriptor';
    return found === 'message' ? 'malformed' : undefined;
  }

  /** Sends nothing more. Replies that wait are dropped. */
  end(): void {
    this.#open = false;
    this.#watch.close();
    for (const { descriptor, sent } of this.#waiting.splice(0)) {
      descriptor?.close();
      sent(false);
    }
  }

  /** Calls back once the plugin has received every descriptor, or can receive none any more. Only for a writer that has ended. */
  whenReceived(callback: () => void): void {
    this.#unreceived.whenReceived(callback);
  }

  /** @returns undefined if the plugin has to read first */
  #trySend(bytes: Uint8Array, descriptor: OwnedFd | undefined): boolean | undefined {
    if (!this.#open) {
      descriptor?.close();
      return false;
    }
    const descriptors = descriptor === undefined ? [] : [descriptor.number];
    const result =
      /* protects: G8 a reply is sent under guard => sendMessage(this.#socket.number, bytes, descriptors) */ this.#underGuard(
        () => sendMessage(this.#socket.number, bytes, descriptors),
      );
    if (result < 0 && errnoName(-result) === 'EAGAIN') return undefined;
    if (result >= 0 && descriptor !== undefined)
      // protects: G8 a plugin's share of descriptors holds the sockets that it does not receive
      this.#unreceived.sent();
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
    // The plugin has shut its end for writing: nothing more can come.
    this.#watched = 0;
    this.#watchOn();
  }

  #flush(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const left = this.#trySend(next.bytes, next.descriptor);
      if (left === undefined) return;
      // If the channel broke meanwhile, its queue is gone too.
      if (this.#waiting[0] === next) this.#waiting.shift();
      next.sent(left);
    }
    if (!this.#open) return;
    this.#watchOn();
    this.#events.drained();
  }
}

// The descriptors that a plugin was sent by a reply socket and has not received. The kernel counts them for the broker's uid, and past
// RLIMIT_NOFILE it takes no more from that uid (ETOOMANYREFS, unix(7)). So the plugin's share holds them.

/** The kernel counts a message with struct sk_buff and struct skb_shared_info, which take more than this. */
const LEAST_MESSAGE_BYTES = 512;

/** No event says that the plugin has received something. So it is looked at after each descriptor, and then ever less often. */
export class Unreceived {
  readonly #socket: OwnedFd;
  readonly #share: Pick<DescriptorShare, 'change'>;
  #held = 0;
  #pauseMs = UNRECEIVED_LOOK_MS;
  #timer: NodeJS.Timeout | undefined;
  #onReceived: (() => void) | undefined;

  /** @param socket open until everything was received. Each message there may have a descriptor of a former broker. */
  constructor(socket: OwnedFd, share: Pick<DescriptorShare, 'change'>) {
    this.#socket = socket;
    this.#share = share;
    // protects: G8 sockets that a former broker sent count for the share too
    this.#hold(this.#mostMessages());
    this.#lookLater();
  }

  /** A descriptor was sent. */
  sent(): void {
    this.#hold(Math.min(this.#held + 1, this.#mostMessages()));
    this.#pauseMs = UNRECEIVED_LOOK_MS;
    this.#lookLater();
  }

  /** Nothing more is sent. Calls back once nothing waits to be received: it was received, or no process has the plugin's end any more. */
  whenReceived(callback: () => void): void {
    this.#onReceived = callback;
    this.#pauseMs = UNRECEIVED_LOOK_MS;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#look();
  }

  #look(): void {
    this.#hold(Math.min(this.#held, this.#mostMessages()));
    this.#lookLater();
    if (this.#held > 0 || this.#onReceived === undefined) return;
    const callback = this.#onReceived;
    this.#onReceived = undefined;
    callback();
  }

  #lookLater(): void {
    if (this.#held === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#look();
    }, this.#pauseMs).unref();
    this.#pauseMs = Math.min(2 * this.#pauseMs, UNRECEIVED_MOST_LOOK_MS);
  }

  /** How many messages wait at most. */
  #mostMessages(): number {
    return Math.floor(unreadBytes(this.#socket.number) / LEAST_MESSAGE_BYTES);
  }

  #hold(count: number): void {
    if (count !== this.#held) this.#share.change(count - this.#held);
    this.#held = count;
  }
}
