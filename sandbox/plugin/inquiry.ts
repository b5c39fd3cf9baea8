// The channel's view of a request that waits for its answer. Runs in the plugin.
import type { ChannelReply, ChannelRequest, HelloReply } from '../../shared/protocol/messages.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

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
