// What a session is made of, and whom it calls. Runs in the broker.
import type { ChannelPacket } from '../../shared/protocol/link.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Plugin } from '../request/plugin.js';
import type { Services } from '../request/services.js';
import type { ChannelClient } from './channel-client.js';

/** The broker's ends of a channel. */
interface SessionEnds {
  readonly request: OwnedFd;
  readonly reply: OwnedFd;
}

/** The descriptors of a channel packet: the broker's ends, and with `answers` the plugin's. */
export interface ChannelEnds extends SessionEnds {
  readonly pluginRequest: OwnedFd | undefined;
  readonly pluginReply: OwnedFd | undefined;
}

/** The session's calls to the process around it. */
export interface SessionEvents<Session> {
  /**
   * The session has ended: the channel is shut for every holder of its ends, and no descriptor waits there. The ends are closed later, by
   * close().
   */
  ended(session: Session): void;
  /** The plugin asked for another channel. The client gets it, or is refused it. */
  channelWanted(session: Session, client: ChannelClient, id: number): void;
}

/** A channel to serve. */
export interface SessionSetup<Session> {
  readonly services: Services;
  readonly events: SessionEvents<Session>;
  readonly plugin: Plugin;
  /** Names the session to the supervisor. */
  readonly number: number;
  readonly ends: SessionEnds;
  /** Another broker has served this channel, and the plugin has said hello already. It gets a message if requests may be unanswered. */
  readonly resumed: ChannelPacket['resumed'];
}
