// One connection of DNS over TCP, RFC 7766: each message follows its length of two bytes, and they are answered in order, one at a time.
// Runs in the broker. The sandbox has the other end, and may be hostile.
import { DNS_IDLE_MS, MAX_QUESTION_BYTES } from '../../shared/limits.js';
import { sendSome } from '../../shared/sys/datagram.js';
import { readOnce } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { peerOf } from '../../shared/sys/socket.js';
import { errnoName } from '../../shared/sys/system-error.js';
import { READABLE, Watch, WRITABLE } from '../../shared/sys/uv-poll.js';
import type { AnswerMessage, QuestionBounds } from './dns-datagrams.js';

const LENGTH_BYTES = 2;

/** Serves one connection until the sandbox ends it, breaks the framing, or lets it idle. */
export class DnsConnection {
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
