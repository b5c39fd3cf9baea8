// The requester, as the steps of the data path see it: a plugin, and where its answers go. Runs in the broker.
import type { ChannelReply } from '../../shared/protocol/messages.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Plugin } from '../request/plugin.js';

export interface Requester {
  readonly plugin: Plugin;
  /** False once the channel has ended. */
  readonly open: boolean;
  /**
   * Answers a request and ends it. The descriptor is closed here once it has left, or cannot.
   *
   * @returns whether the answer left; a promise if the plugin has to read first
   */
  answer(reply: ChannelReply & { readonly id: number }, descriptor?: OwnedFd): boolean | Promise<boolean>;
}
