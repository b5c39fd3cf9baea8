// The plugin's end of a channel, PROTOCOL.md: sends requests, matches replies by id, and owns each descriptor until its inquiry
// takes it. Runs in the plugin, on the main thread. It trusts the broker to decide, but ends the channel on a protocol error.

import { constants } from 'node:os';
import { MAX_REPLY_BYTES } from '../../shared/limits.js';
import {
  type ChannelReply,
  type ChannelRequest,
  type HelloReply,
  PROTOCOL_VERSION,
} from '../../shared/protocol/messages.js';
import { decodeReply } from '../../shared/protocol/replies.js';
import { encodeRequest } from '../../shared/protocol/requests.js';
import { setNonBlocking, writeOnce } from '../../shared/sys/fcntl.js';
import { errnoName } from '../../shared/sys/libc.js';
import { type Message, receiveMessage } from '../../shared/sys/message.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { READABLE, Watch, WRITABLE } from '../../shared/sys/uv-poll.js';
import { PluginError } from './plugin-error.js';

/** Requests of a client that wait for room in the pipe: four times the default of queued_requests. */
const MAX_WAITING_REQUESTS = 4096;
/** Replies that a client takes before the event loop turns to the work of the program. */
const REPLIES_PER_TURN = 64;

const EAGAIN = constants.errno.EAGAIN;
const IDS = 0x1_0000_0000;
/** Keys in the outbox beside ids: the hello's, and from -2 down the cancels'. */
const HELLO_KEY = -1;
const FIRST_CANCEL_KEY = -2;

export interface ChannelEnds {
  /** The writing end of the packet-mode pipe. */
  readonly request: OwnedFd;
  /** The SOCK_SEQPACKET socket. */
  readonly reply: OwnedFd;
}

/** Sends a hello, and the first requests right behind it: the pipe keeps the order. */
export class Channel {
  readonly #reply: OwnedFd;
  readonly #outbox: Outbox;
  readonly #watch: Watch;
  readonly #inquiries = new Map<number, Inquiry>();
  #nextId = 0;
  #greeted = false;
  #end: string | undefined;

  /** @param ends owned by the channel from here on */
  constructor({ request, reply }: ChannelEnds) {
    this.#reply = reply;
    this.#outbox = new Outbox(request, (cause) => this.#close(cause));
    this.#watch = new Watch(reply.number, () => this.#receive());
    this.#watch.want(READABLE);
    this.#watch.keepAlive(false);
    this.#outbox.put(HELLO_KEY, encodeRequest({ op: 'hello', version: PROTOCOL_VERSION }));
  }

  /**
   * Sends a request. While inquiries wait for their answers, the process stays alive.
   *
   * @throws PluginError EPIPE where the channel has ended, EAGAIN where too many requests wait for room in the pipe
   */
  ask(inquiry: Inquiry): void {
    if (this.#end !== undefined) throw endError(this.#end);
    if (this.#outbox.full) {
      const message = 'Too many requests wait for the broker to read them';
      throw new PluginError('EAGAIN', message, { reason: 'concurrency_limited' });
    }
    if (this.#inquiries.size === 0) this.#watch.keepAlive(true);
    this.#send(inquiry);
  }

  /** Forgets an inquiry, and cancels it in the broker if it was written. A socket that still comes is closed. */
  abandon(inquiry: Inquiry): void {
    const { id } = inquiry;
    if (this.#inquiries.get(id) !== inquiry) return;
    this.#forget(id);
    if (!this.#outbox.withdraw(id)) {
      this.#outbox.put(FIRST_CANCEL_KEY - id, encodeRequest({ op: 'cancel', id }));
    }
  }

  #send(inquiry: Inquiry): void {
    while (this.#inquiries.has(this.#nextId)) this.#nextId = (this.#nextId + 1) % IDS;
    const id = this.#nextId;
    this.#nextId = (id + 1) % IDS;
    inquiry.id = id;
    this.#inquiries.set(id, inquiry);
    this.#outbox.put(id, encodeRequest(inquiry.request()));
  }

  #forget(id: number): void {
    this.#inquiries.delete(id);
    if (this.#inquiries.size === 0) this.#watch.keepAlive(false);
  }

  /** Takes one reply for a single inquiry, and tries for more while others wait: each vain attempt costs a system call. */
  #receive(): void {
    let left = REPLIES_PER_TURN;
    do {
      const message = receiveMessage(this.#reply.number, MAX_REPLY_BYTES);
      if (typeof message !== 'number') this.#handle(message);
      else if (message === -EAGAIN) return;
      else this.#close(`receiving a reply failed with ${errnoName(-message)}`);
      left -= 1;
    } while (this.#inquiries.size > 0 && left > 0);
  }

  #handle(message: Message): void {
    let problem: string | undefined;
    try {
      problem = this.#dispatch(message);
    } catch (error) {
      problem = `handling a reply failed: ${error}`;
    }
    if (problem === undefined) return;
    for (const descriptor of message.descriptors) descriptor.close();
    this.#close(problem);
  }

  /** @returns the reason to end the channel; the message's descriptors then keep their owner */
  #dispatch({ payload, descriptors, truncated }: Message): string | undefined {
    if (payload.length === 0 && descriptors.length === 0) return 'the broker closed it';
    if (descriptors.length > 1) return 'a reply came with more than one descriptor';
    if (truncated && (descriptors.length > 0 || payload.length === MAX_REPLY_BYTES)) return 'a reply was cut';
    const reply = decodeReply(payload);
    if (reply === undefined) return 'a reply was malformed';
    const [descriptor] = descriptors;
    if ('op' in reply)
      return descriptor === undefined ? this.#greet(reply) : 'a hello came with a descriptor';
    const inquiry = this.#greeted ? this.#inquiries.get(reply.id) : undefined;
    if (inquiry === undefined) {
      // The inquiry was abandoned, or asked of a former broker, or by a former program of this process.
      descriptor?.close();
      return undefined;
    }
    if (truncated) {
      // With no number left below RLIMIT_NOFILE the kernel drops the descriptor and sets MSG_CTRUNC, recvmsg(2).
      this.#forget(reply.id);
      inquiry.fail(new PluginError('EMFILE', 'This process has no descriptor left for the socket'));
      return undefined;
    }
    const verdict = inquiry.take(reply, descriptor);
    if (verdict === 'foreign') return 'a reply did not fit its request';
    if (verdict === 'over') this.#forget(reply.id);
    return undefined;
  }

  #greet({ version, resumed }: HelloReply): string | undefined {
    if (version !== PROTOCOL_VERSION) return `the broker speaks version ${version} of the protocol`;
    this.#greeted = true;
    if (resumed !== true) return undefined;
    // Requests that still wait here have not been sent. The others are lost, and sent again.
    for (const inquiry of [...this.#inquiries.values()]) {
      if (this.#end !== undefined) break;
      if (this.#outbox.has(inquiry.id)) continue;
      this.#inquiries.delete(inquiry.id);
      this.#send(inquiry);
    }
    return undefined;
  }

  #close(cause: string): void {
    if (this.#end !== undefined) return;
    this.#end = cause;
    this.#watch.close();
    this.#reply.close();
    this.#outbox.close();
    const inquiries = [...this.#inquiries.values()];
    this.#inquiries.clear();
    for (const inquiry of inquiries) inquiry.fail(endError(cause));
  }
}

function endError(cause: string): PluginError {
  return new PluginError('EPIPE', `The channel to postern's broker has ended: ${cause}`, {
    fix: 'Start the program again: a channel that has ended does not come back',
  });
}

// Writes requests to the pipe: at once while it has room, else after a bounded wait.

/**
 * Writes requests in order. In packet mode the kernel takes a whole request or nothing. Each request takes a page of the pipe, so
 * sixteen unread ones fill a pipe of the default size.
 *
 * The pipe is made non-blocking, since a full one would stop the event loop. Processes that share the open file description see
 * that too; PROTOCOL.md tells them to expect it.
 */
class Outbox {
  readonly #pipe: OwnedFd;
  readonly #onBroken: (cause: string) => void;
  readonly #waiting = new Map<number, Uint8Array>();
  #watch: Watch | undefined;

  /** @param onBroken called at most once per write, when the pipe has no reader any more */
  constructor(pipe: OwnedFd, onBroken: (cause: string) => void) {
    this.#pipe = pipe;
    this.#onBroken = onBroken;
    setNonBlocking(pipe.number, true);
  }

  get full(): boolean {
    return this.#waiting.size >= MAX_WAITING_REQUESTS;
  }

  /** Writes a request, or queues it under a key that is not in the queue. It does not check the bound: see `full`. */
  put(key: number, frame: Uint8Array): void {
    if (this.#waiting.size > 0 || !this.#write(frame)) {
      this.#waiting.set(key, frame);
      this.#watch ??= this.#watchPipe();
      this.#watch.want(WRITABLE);
    }
  }

  /** Removes a request from the queue. @returns false where it was written already */
  withdraw(key: number): boolean {
    return this.#waiting.delete(key);
  }

  has(key: number): boolean {
    return this.#waiting.has(key);
  }

  close(): void {
    this.#waiting.clear();
    this.#watch?.close();
    this.#pipe.close();
  }

  #watchPipe(): Watch {
    const watch = new Watch(this.#pipe.number, () => this.#flush());
    watch.keepAlive(false);
    return watch;
  }

  #flush(): void {
    for (const [key, frame] of this.#waiting) {
      if (!this.#write(frame)) return;
      this.#waiting.delete(key);
    }
    this.#watch?.want(0);
  }

  /** @returns false while there is no room */
  #write(frame: Uint8Array): boolean {
    if (!this.#pipe.open) return true;
    const result = writeOnce(this.#pipe.number, frame);
    if (result >= 0) return true;
    if (result === -EAGAIN) return false;
    this.#onBroken(`writing a request failed with ${errnoName(-result)}`);
    return true;
  }
}

// The channel's view of a request that waits for its answer.

export type Answer = Exclude<ChannelReply, HelloReply>;

/**
 * The result of a reply: the inquiry is done, more replies follow, or the reply does not fit the request. Then the inquiry has not
 * touched the descriptor, and the channel ends.
 */
export type Verdict = 'over' | 'more' | 'foreign';

export interface Inquiry {
  /** The channel's, and anew when another broker serves it. */
  id: number;
  /** The request to write, under `id`. */
  request(): ChannelRequest;
  /** Takes a reply. With any verdict except `foreign` the descriptor has a new owner. */
  take(reply: Answer, descriptor: OwnedFd | undefined): Verdict;
  /** No answer will come. */
  fail(error: Error): void;
}
