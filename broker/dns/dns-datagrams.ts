// A sandbox's questions by UDP, on a socket that only that sandbox can reach. Runs in the broker. Nothing waits here: questions past the
// rate stay in the kernel's buffer, and the kernel drops what comes while it is full.
import { MAX_QUESTION_BYTES, QUESTION_PAUSE_MS } from '../../shared/limits.js';
import { receiveDatagram, sendDatagram } from '../../shared/sys/datagram.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';
import { errnoName } from '../../shared/sys/system-error.js';
import { READABLE, Watch } from '../../shared/sys/uv-poll.js';
import type { DescriptorShare } from '../limit/descriptor-shares.js';
import type { TurnShare } from '../limit/turn-share.js';
import type { QuestionRate } from './question-rate.js';

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
