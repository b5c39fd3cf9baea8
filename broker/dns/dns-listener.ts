// A sandbox's DNS over TCP, on a listening socket that only that sandbox can reach. Runs in the broker.
import { DNS_CONNECTIONS, DNS_IDLE_MS, MAX_QUESTION_BYTES } from '../../shared/limits.js';
import { acceptConnection, receiveDatagram, sendDatagram, sendSome } from '../../shared/sys/datagram.js';
import { readOnce } from '../../shared/sys/fcntl.js';
import { errnoName } from '../../shared/sys/libc.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import { peerOf } from '../../shared/sys/socket.js';
import { READABLE, Watch, WRITABLE } from '../../shared/sys/uv-poll.js';
import type { DescriptorShare } from '../limit/descriptor-shares.js';
import type { TurnShare } from '../limit/turn-share.js';
import type { QuestionRate } from './question-rate.js';

/** Further questions wait in the kernel this long. The kernel drops them when its buffer is full. */
const QUESTION_PAUSE_MS = 10;

/** Serves DNS_CONNECTIONS connections at once. Others wait in the kernel's backlog. */
export class DnsListener {
  readonly #fd: OwnedFd;
  readonly #bounds: QuestionBounds;
  readonly #answer: AnswerMessage;
  readonly #watch: Watch;
  readonly #connections = new Set<DnsConnection>();
  #pause: NodeJS.Timeout | undefined;
  /** For the rate. */
  #waits = false;
  #open = true;

  /** @param fd a socket that listens, owned from here on */
  constructor(fd: OwnedFd, bounds: QuestionBounds, answer: AnswerMessage) {
    this.#fd = fd;
    this.#bounds = bounds;
    this.#answer = answer;
    this.#watch = new Watch(fd.number, () => this.#accept());
    this.#watch.want(READABLE);
  }

  close(): void {
    this.#open = false;
    clearTimeout(this.#pause);
    this.#watch.close();
    this.#fd.close();
    for (const connection of this.#connections) connection.close();
  }

  #accept(): void {
    const { turn, rate } = this.#bounds;
    // A connection costs as much as a question.
    if (!rate.isLeft) {
      this.#await();
      return;
    }
    while (this.#connections.size < DNS_CONNECTIONS && rate.isLeft && !turn.isOverFor(this)) {
      if (!this.#acceptOne()) return;
      rate.take();
    }
    if (turn.isStopped) this.#watch.want(0);
  }

  #await(): void {
    const { turn, rate } = this.#bounds;
    this.#watch.want(0);
    this.#waits = true;
    rate.await(() => {
      this.#waits = false;
      if (turn.isStopped) return;
      this.#watch.want(READABLE);
      this.#acceptOne();
    });
  }

  /** @returns false if there is none, or no further one may be served now */
  #acceptOne(): boolean {
    const { turn, descriptors } = this.#bounds;
    if (!descriptors.hasRoom(1)) {
      this.#rest();
      return false;
    }
    const fd = acceptConnection(this.#fd.number);
    if (typeof fd === 'number') {
      // If no descriptor is left (EMFILE), the connection stays in the backlog, and would be reported again at once.
      if (errnoName(-fd) !== 'EAGAIN') this.#rest();
      return false;
    }
    descriptors.hold(fd);
    turn.take();
    this.#connections.add(
      new DnsConnection(fd, this.#bounds, this.#answer, (connection) => this.#ended(connection)),
    );
    if (this.#connections.size === DNS_CONNECTIONS) this.#watch.want(0);
    return true;
  }

  #ended(connection: DnsConnection): void {
    this.#connections.delete(connection);
    if (this.#open && this.#pause === undefined && !this.#waits) this.#watch.want(READABLE);
  }

  #rest(): void {
    this.#watch.want(0);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#watch.want(READABLE);
    }, QUESTION_PAUSE_MS);
  }
}

// One connection of DNS over TCP, RFC 7766: each message follows its length of two bytes, and they are answered in order, one at a time.
// The sandbox has the other end, and may be hostile.

const LENGTH_BYTES = 2;

/** Serves one connection until the sandbox ends it, breaks the framing, or lets it idle. */
class DnsConnection {
  readonly #fd: OwnedFd;
  readonly #bounds: QuestionBounds;
  readonly #answer: AnswerMessage;
  readonly #onEnd: (connection: DnsConnection) => void;
  readonly #watch: Watch;
  #idle: NodeJS.Timeout;
  readonly #inbound = new Uint8Array(LENGTH_BYTES + MAX_QUESTION_BYTES);
  readonly #port: number | undefined;
  #held = 0;
  /** The part of an answer that has not left yet. */
  #outbound: Uint8Array = new Uint8Array();
  #open = true;

  /** @param fd a connected socket, owned from here on */
  constructor(
    fd: OwnedFd,
    bounds: QuestionBounds,
    answer: AnswerMessage,
    onEnd: (connection: DnsConnection) => void,
  ) {
    this.#fd = fd;
    this.#port = peerOf(fd.number)?.port;
    this.#bounds = bounds;
    this.#answer = answer;
    this.#onEnd = onEnd;
    this.#idle = this.#limitIdle();
    this.#watch = new Watch(fd.number, (events) => this.#ready(events));
    this.#watch.want(READABLE);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#idle);
    this.#watch.close();
    this.#fd.close();
    this.#onEnd(this);
  }

  #ready(events: number): void {
    if (this.#outbound.length > 0) this.#write();
    else if ((events & READABLE) !== 0) this.#read();
  }

  #read(): void {
    const length = readOnce(this.#fd.number, this.#inbound.subarray(this.#held));
    if (length <= 0) {
      if (length === 0 || errnoName(-length) !== 'EAGAIN') this.close();
      return;
    }
    this.#held += length;
    this.#next();
  }

  /** Takes the next message once all of it is there. Nothing more is read until it is answered. */
  #next(): void {
    const length = ((this.#inbound[0] ?? 0) << 8) | (this.#inbound[1] ?? 0);
    const end = LENGTH_BYTES + length;
    if (this.#held >= LENGTH_BYTES && length > MAX_QUESTION_BYTES) this.close();
    else if (this.#held < LENGTH_BYTES || this.#held < end) this.#watch.want(READABLE);
    else {
      this.#watch.want(0);
      // The sandbox waits for the broker now.
      clearTimeout(this.#idle);
      const message = this.#inbound.slice(LENGTH_BYTES, end);
      this.#inbound.copyWithin(0, end, this.#held);
      this.#held -= end;
      void this.#take(message);
    }
  }

  async #take(message: Uint8Array): Promise<void> {
    const { turn, rate } = this.#bounds;
    if (rate.isLeft) rate.take();
    else await new Promise<void>((resolve) => rate.await(resolve));
    await turn.await();
    const answer = this.#open ? await this.#answer(message, this.#port) : undefined;
    if (!this.#open) return;
    // It was no query, or the plugin has too many open questions. A DNS client connects again.
    if (answer === undefined) this.close();
    else this.#send(answer);
  }

  #limitIdle(): NodeJS.Timeout {
    return setTimeout(() => this.close(), DNS_IDLE_MS);
  }

  #send(answer: Uint8Array): void {
    this.#idle = this.#limitIdle();
    this.#outbound = new Uint8Array(LENGTH_BYTES + answer.length);
    this.#outbound.set([answer.length >> 8, answer.length & 0xff]);
    this.#outbound.set(answer, LENGTH_BYTES);
    this.#write();
  }

  #write(): void {
    const sent = sendSome(this.#fd.number, this.#outbound);
    if (sent < 0 && errnoName(-sent) !== 'EAGAIN') {
      this.close();
      return;
    }
    this.#outbound = this.#outbound.subarray(Math.max(sent, 0));
    if (this.#outbound.length > 0) {
      this.#watch.want(WRITABLE);
      return;
    }
    this.#idle.refresh();
    this.#next();
  }
}

// A sandbox's questions by UDP, on a socket that only that sandbox can reach. Nothing waits here: questions past the
// rate stay in the kernel's buffer, and the kernel drops what comes while it is full.

/** Answers one message that came from a port. @returns undefined for no answer */
export type AnswerMessage = (
  message: Uint8Array,
  port: number | undefined,
) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

/** The bounds of a sandbox's questions, by UDP and TCP together. */
export interface QuestionBounds {
  readonly turn: TurnShare;
  readonly descriptors: DescriptorShare;
  readonly rate: QuestionRate;
}

/** One byte more than a question may have, so that a longer one shows. */
const buffer = new Uint8Array(MAX_QUESTION_BYTES + 1);

/** Serves one UDP socket until it is closed. */
export class DnsDatagrams {
  readonly #fd: OwnedFd;
  readonly #bounds: QuestionBounds;
  readonly #answer: AnswerMessage;
  readonly #watch: Watch;
  #pause: NodeJS.Timeout | undefined;

  /** @param fd a bound socket, owned from here on */
  constructor(fd: OwnedFd, bounds: QuestionBounds, answer: AnswerMessage) {
    this.#fd = fd;
    this.#bounds = bounds;
    this.#answer = answer;
    this.#watch = new Watch(fd.number, () => this.#read());
    this.#watch.want(READABLE);
  }

  close(): void {
    clearTimeout(this.#pause);
    this.#watch.close();
    this.#fd.close();
  }

  /** Takes a few messages, then gives other plugins their turn: the watch is level-triggered. */
  #read(): void {
    const { turn, rate } = this.#bounds;
    if (!rate.isLeft) {
      this.#await();
      return;
    }
    while (rate.isLeft && !turn.isOverFor(this)) {
      if (!this.#receive()) return;
      rate.take();
    }
    if (turn.isStopped) this.#watch.want(0);
  }

  #await(): void {
    const { turn, rate } = this.#bounds;
    this.#watch.want(0);
    rate.await(() => {
      if (turn.isStopped) return;
      this.#watch.want(READABLE);
      this.#receive();
    });
  }

  /** @returns false if there is none */
  #receive(): boolean {
    const datagram = receiveDatagram(this.#fd.number, buffer);
    if (typeof datagram === 'number') {
      if (errnoName(-datagram) !== 'EAGAIN') this.#rest();
      return false;
    }
    this.#bounds.turn.take();
    const { length, from } = datagram;
    if (length <= MAX_QUESTION_BYTES && from !== undefined) this.#take(buffer.subarray(0, length), from);
    return true;
  }

  #take(message: Uint8Array, from: Endpoint): void {
    const answer = this.#answer(message, from.port);
    if (answer instanceof Promise) void answer.then((bytes) => this.#send(bytes, from));
    else this.#send(answer, from);
  }

  /** An answer that cannot be sent now is lost, as any datagram may be. The asker asks again. */
  #send(bytes: Uint8Array | undefined, to: Endpoint): void {
    if (bytes !== undefined && this.#fd.open) sendDatagram(this.#fd.number, bytes, to);
  }

  #rest(): void {
    this.#watch.want(0);
    this.#pause = setTimeout(() => this.#watch.want(READABLE), QUESTION_PAUSE_MS);
  }
}
