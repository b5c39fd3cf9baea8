// A sandbox's DNS over TCP, on a listening socket that only that sandbox can reach. Runs in the broker.
import { DNS_CONNECTIONS, QUESTION_PAUSE_MS } from '../../shared/limits.js';
import { acceptConnection } from '../../shared/sys/datagram.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { errnoName } from '../../shared/sys/system-error.js';
import { READABLE, Watch } from '../../shared/sys/uv-poll.js';
import { DnsConnection } from './dns-connection.js';
import type { AnswerMessage, QuestionBounds } from './dns-datagrams.js';

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
