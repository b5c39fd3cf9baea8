// Who asked, to the steps of the data path: a plugin, known from the channel, and where its answers go.
import type { ChannelReply } from '../../shared/protocol/messages.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Plugin } from '../request/plugin.js';

export interface Requester {
  readonly plugin: Plugin;
  /** False once the channel has ended. */
  readonly open: boolean;
  /**
   * Answers a request, which is over with that. The descriptor is closed here once it has left, or cannot.
   *
   * @returns whether the answer left; a promise where the plugin has to read first
   */
  answer(reply: ChannelReply & { readonly id: number }, descriptor?: OwnedFd): boolean | Promise<boolean>;
}
