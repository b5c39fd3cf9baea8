// The channels of all plugins, as the supervisor names them. Runs in the broker.
import type { BrokerLine, ChannelPacket } from '../../shared/protocol/link.js';
import type { Plugin, Services } from '../request/plugin.js';
import type { ChannelClient } from './channel-client.js';
import { type ChannelEnds, Session, type SessionEvents } from './session.js';

export class ChannelSessions implements SessionEvents<Session> {
  readonly #services: Services;
  readonly #send: (line: BrokerLine) => void;
  readonly #open = new Map<number, Session>();
  /** Sessions that have ended, until the supervisor has closed its duplicates of their ends. */
  readonly #ended = new Map<number, Session>();
  readonly #wanted = new WantedChannels();

  /** @param send a line to the supervisor */
  constructor(services: Services, send: (line: BrokerLine) => void) {
    this.#services = services;
    this.#send = send;
  }

  /** Serves a channel. Every request is refused until its plugin is configured. */
  attach(
    plugin: Plugin,
    { session: number, resumed, answers, over }: ChannelPacket,
    ends: ChannelEnds,
  ): void {
    const { request, reply, pluginRequest, pluginReply } = ends;
    for (const end of [request, reply, pluginRequest, pluginReply])
      if (end !== undefined) plugin.descriptors.hold(end);
    const session = new Session({ services: this.#services, events: this, plugin, number, ends, resumed });
    if (session.open) this.#open.set(number, session);
    if (plugin.unguarded || over === true) session.end();
    if (answers === undefined || pluginRequest === undefined || pluginReply === undefined) return;
    const wanted = this.#wanted.take(answers.id);
    // If nobody waits for them, these ends are closed, and the new session ends by itself.
    if (wanted !== undefined) {
      void wanted.client.answerChannel(wanted.id, pluginRequest, pluginReply);
      return;
    }
    pluginRequest.close();
    pluginReply.close();
  }

  /** A channel came without some of its descriptors. */
  cutShort({ session, answers }: ChannelPacket): void {
    this.#send({ type: 'session_ended', session });
    if (answers !== undefined) this.refused(answers.id);
  }

  /** Ends the channels of a plugin, or of all. */
  end(plugin?: Plugin): void {
    for (const session of this.#open.values())
      if (plugin === undefined || session.plugin === plugin) session.end();
  }

  /** The sessions with requests that were read and have no answer yet. */
  get unanswered(): readonly number[] {
    return [...this.#open.values()].filter((session) => session.isUnanswered).map(({ number }) => number);
  }

  /** No answers come for this plugin any more. */
  forget(plugin: Plugin): void {
    this.#wanted.forget(plugin);
  }

  ended(session: Session): void {
    this.#open.delete(session.number);
    // protects: G9 the broker is the last to close its ends => session.close();
    this.#ended.set(session.number, session);
    this.#send({ type: 'session_ended', session: session.number });
  }

  /** The broker alone holds the session's ends now. */
  dropped(number: number): void {
    this.#ended.get(number)?.close();
    this.#ended.delete(number);
  }

  channelWanted(session: Session, client: ChannelClient, id: number): void {
    const number = this.#wanted.add(client, id);
    const { plugin } = session;
    this.#send({ type: 'channel_wanted', plugin: plugin.name, session: session.number, id: number });
  }

  /** @param number of a `channel_wanted` for which there is no channel */
  refused(number: number): void {
    const wanted = this.#wanted.take(number);
    wanted?.client.refuseWanted(wanted.id);
  }
}

// The channels that plugins asked for and the supervisor has still to make. Each counts as one of its plugin's channels until the supervisor
// has answered, even if the program that asked is gone by then: the supervisor counts it too, and makes no channel past the limit. Runs in
// the broker.

/** Who asked, and by which request. */
interface WantedChannel {
  readonly client: ChannelClient;
  readonly id: number;
}

class WantedChannels {
  readonly #wanted = new Map<number, WantedChannel>();
  #next = 1;

  /** @returns the number under which the supervisor is asked: a later program may use the same id again */
  add(client: ChannelClient, id: number): number {
    const number = this.#next;
    this.#next += 1;
    // protects: G8 channel: one that is being made counts, also for a program that is gone
    client.plugin.channels += 1;
    this.#wanted.set(number, { client, id });
    return number;
  }

  /** The supervisor has answered. @returns undefined if its plugin was forgotten meanwhile */
  take(number: number): WantedChannel | undefined {
    const wanted = this.#wanted.get(number);
    if (wanted === undefined) return undefined;
    this.#wanted.delete(number);
    wanted.client.plugin.channels -= 1;
    return wanted;
  }

  /** No answers come for this plugin any more. */
  forget(plugin: Plugin): void {
    for (const [number, { client }] of this.#wanted)
      if (client.plugin === plugin) this.#wanted.delete(number);
  }
}
