// The supervisor's end of a socket to the launcher or to init. It returns their messages one at a time.
import { type Message, receiveMessage, sendMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { isShutForReading, receiveCredentials } from '../../../shared/sys/socket.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';

export class LaunchInbox {
  readonly #socket: OwnedFd;
  readonly #watch: Watch;
  #waiting: ((message: Message) => void) | undefined;

  /** Takes ownership of the socket. Each message has its sender's host pid. */
  constructor(socket: OwnedFd) {
    receiveCredentials(socket.number);
    this.#socket = socket;
    this.#watch = new Watch(socket.number, () => this.#take());
  }

  /** The next message. Its descriptors belong to the caller. An empty payload means that the other side has ended. */
  next(): Promise<Message> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#watch.want(READABLE);
    });
  }

  /** The next message as text. Descriptors that come with it are closed. */
  async word(): Promise<string> {
    const { payload, descriptors } = await this.next();
    for (const descriptor of descriptors) descriptor.close();
    return new TextDecoder().decode(payload);
  }

  /** Waits while the socket is full: the other side is postern's own code, and reads. @returns false where it has ended */
  send(payload: Uint8Array | string, descriptors: readonly number[] = []): boolean {
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
    return sendMessage(this.#socket.number, bytes, descriptors, true) >= 0;
  }

  /** Whether the other side has closed its end. Messages may still be unread. */
  get isLeft(): boolean {
    return isShutForReading(this.#socket.number);
  }

  #take(): void {
    const message = receiveMessage(this.#socket.number);
    if (typeof message === 'number') return;
    this.#watch.want(0);
    this.#waiting?.(message);
  }

  close(): void {
    this.#watch.close();
    this.#socket.close();
  }
}
