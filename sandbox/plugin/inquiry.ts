// What the channel knows of a request that waits for its answer. Runs in the plugin.
import type { ChannelReply, ChannelRequest, HelloReply } from '../../shared/protocol/messages.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

export type Answer = Exclude<ChannelReply, HelloReply>;

/**
 * What became of an inquiry by a reply: it is over, there is more to come, or the reply is none that the request has
 * (the inquiry has not touched the descriptor, and the channel ends).
 */
export type Verdict = 'over' | 'more' | 'foreign';

export interface Inquiry {
  /** The channel's, and anew when another broker serves it. */
  id: number;
  /** The request to write, under `id`. */
  request(): ChannelRequest;
  /** A reply; with any verdict but `foreign` the descriptor has a new owner. */
  take(reply: Answer, descriptor: OwnedFd | undefined): Verdict;
  /** No answer will come. */
  fail(error: Error): void;
}
