// The program that uses a channel now, from its hello to the next program's. Each has its own requests in flight, so that a late answer to
// one program is never taken for an answer to the next. Runs in the broker.

import type { ChannelReply } from '../../shared/protocol/messages.js';
import { encodeReply } from '../../shared/protocol/replies.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { NO_DESCRIPTOR } from '../limit/descriptor-shares.js';
import { RequestLife } from '../limit/request-life.js';
import type { Plugin } from '../request/plugin.js';
import type { ReplyWriter } from './reply-writer.js';

export class ChannelClient {
  readonly plugin: Plugin;
  readonly #replies: ReplyWriter;
  readonly #inFlight = new Map<number, RequestLife>();
  #open = true;

  constructor(plugin: Plugin, replies: ReplyWriter) {
    this.plugin = plugin;
    this.#replies = replies;
  }

  /** False once the channel has ended. */
  get open(): boolean {
    return this.#open;
  }

  /** Whether a request is in flight. */
  get isWaiting(): boolean {
    return this.#inFlight.size > 0;
  }

  isInFlight(id: number): boolean {
    return this.#inFlight.has(id);
  }

  /** @param timeoutMs from now */
  begin(id: number, timeoutMs: number): RequestLife {
    const life = new RequestLife(timeoutMs);
    this.#inFlight.set(id, life);
    return life;
  }

  /** An id that is not in flight was answered while the cancel was on its way. */
  cancel(id: number): void {
    this.#inFlight.get(id)?.end('canceled');
  }

  /**
   * Answers a request and ends it. The descriptor is closed here once it has left, or cannot.
   *
   * @returns whether the answer left; a promise if the plugin has to read first
   */
  answer(reply: ChannelReply & { readonly id: number }, descriptor?: OwnedFd): boolean | Promise<boolean> {
    if (!this.#open) {
      descriptor?.close();
      return false;
    }
    this.#inFlight.get(reply.id)?.settle();
    this.#inFlight.delete(reply.id);
    return this.#replies.send(encodeReply(reply), descriptor);
  }

  /**
   * Answers an `open_channel` with the plugin's two ends, one packet each. The ends are closed here. Where an end does not leave, since the
   * kernel takes no more descriptors in flight (ETOOMANYREFS), a refusal follows.
   */
  async answerChannel(id: number, request: OwnedFd, reply: OwnedFd): Promise<void> {
    if (!this.#open) {
      request.close();
      reply.close();
      return;
    }
    const left = await this.#replies.send(encodeReply({ id, ok: true, part: 'request' }), request);
    if (!left) reply.close();
    else if (await this.answer({ id, ok: true, part: 'reply' }, reply)) return;
    this.refuseWanted(id);
  }

  refuseChannel(id: number, why: string): void {
    const message = `Cannot open a channel: ${why}`;
    void this.answer({ id, ok: false, errno: 'EAGAIN', reason: 'concurrency_limited', message });
  }

  /** Refuses a channel that could not be made, or whose ends did not arrive. */
  refuseWanted(id: number): void {
    if (!this.#open) return;
    this.plugin.metrics.count('limitRejections', { limit: 'broker_descriptors' });
    this.refuseChannel(id, NO_DESCRIPTOR);
  }

  /** Nobody waits for answers any more: cancels what is in flight. */
  retire(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const life of this.#inFlight.values()) life.end('canceled');
    this.#inFlight.clear();
  }
}
