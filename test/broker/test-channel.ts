// A plugin's end of a channel: a client as simple as possible.

import type { ChannelReply, ChannelRequest, FailureReply } from '../../shared/protocol/messages.js';
import { decodeReply } from '../../shared/protocol/replies.js';
import { encodeRequest } from '../../shared/protocol/requests.js';
import { writeOnce } from '../../shared/sys/fcntl.js';
import { receiveMessage } from '../../shared/sys/message.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { READABLE, Watch } from '../../shared/sys/uv-poll.js';
import { PATIENCE } from '../harness/patience.js';

export interface Received {
  readonly reply: ChannelReply;
  readonly descriptor: OwnedFd | undefined;
}

const REPLY_WITHIN_MS = 30_000 * PATIENCE;

/** Sends requests, collects replies. */
export class TestChannel {
  readonly session: number;
  readonly request: OwnedFd;
  readonly #reply: OwnedFd;
  readonly #watch: Watch;
  #received: Received[] = [];
  #waiting: (() => void)[] = [];
  #nextId = 1;
  ended = false;

  constructor(request: OwnedFd, reply: OwnedFd, session = -1) {
    this.request = request;
    this.#reply = reply;
    this.session = session;
    this.#watch = new Watch(reply.number, () => this.#read());
    this.#watch.want(READABLE);
  }

  /** The number of the reply socket, while it is open. */
  get replyNumber(): number {
    return this.#reply.number;
  }

  send(request: ChannelRequest): number {
    return this.sendBytes(encodeRequest(request));
  }

  /** @returns bytes written, or minus errno */
  sendBytes(bytes: Uint8Array): number {
    return writeOnce(this.request.number, bytes);
  }

  /** Stops or resumes receiving. */
  listen(on: boolean): void {
    this.#watch.want(on ? READABLE : 0);
  }

  nextId(): number {
    this.#nextId += 1;
    return this.#nextId;
  }

  connect(host: string, port: number, timeout_ms?: number): Promise<Received> {
    const id = this.nextId();
    this.send({ op: 'connect', id, host, port, ...(timeout_ms !== undefined && { timeout_ms }) });
    return this.answer(id);
  }

  /** The failure reply of a connect. */
  async refusal(host: string, port: number, timeout_ms?: number): Promise<FailureReply> {
    const { reply, descriptor } = await this.connect(host, port, timeout_ms);
    descriptor?.close();
    if (!('errno' in reply)) throw new Error(`Not refused: ${JSON.stringify(reply)}`);
    return reply;
  }

  answer(id: number): Promise<Received> {
    return this.reply((reply) => 'id' in reply && reply.id === id);
  }

  /** Takes the first reply that `pick` accepts. */
  async reply(pick: (reply: ChannelReply) => boolean): Promise<Received> {
    const deadline = Date.now() + REPLY_WITHIN_MS;
    for (;;) {
      const at = this.#received.findIndex(({ reply }) => pick(reply));
      const [found] = at < 0 ? [] : this.#received.splice(at, 1);
      if (found !== undefined) return found;
      if (this.ended || Date.now() > deadline) throw new Error(`No reply: ${pick}`);
      await this.#news(deadline - Date.now());
    }
  }

  /** Takes the replies that have come. */
  takeAll(): Received[] {
    return this.#received.splice(0);
  }

  async untilEnded(): Promise<void> {
    const deadline = Date.now() + REPLY_WITHIN_MS;
    while (!this.ended && Date.now() < deadline) await this.#news(deadline - Date.now());
    if (!this.ended) throw new Error('The channel has not ended');
  }

  close(): void {
    this.#watch.close();
    this.request.close();
    this.#reply.close();
    for (const { descriptor } of this.#received) descriptor?.close();
    this.#received = [];
  }

  #news(within: number): Promise<void> {
    return new Promise((resolve) => {
      // A reply that no test waits for any more holds up no process.
      const timer = setTimeout(resolve, within).unref();
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #read(): void {
    for (;;) {
      const message = receiveMessage(this.#reply.number);
      if (typeof message === 'number') break;
      const { payload, descriptors } = message;
      if (payload.length === 0) {
        this.ended = true;
        this.#watch.want(0);
        break;
      }
      const reply = decodeReply(payload);
      if (reply === undefined) throw new Error(`Not a reply: ${Buffer.from(payload).toString('hex')}`);
      this.#received.push({ reply, descriptor: descriptors[0] });
    }
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
