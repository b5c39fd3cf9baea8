// Keeps the broker's ends of every channel in the supervisor, for the next broker.

import { CHANNELS_PER_PLUGIN } from '../../../shared/limits.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { shutDown } from '../../../shared/sys/socket.js';
import { shortageIn } from '../../host/shortage.js';
import { type Channel, makeChannel } from './make-channel.js';

/** A kept channel, under the session number that both sides use. */
export interface KeptChannel {
  readonly session: number;
  readonly plugin: string;
  readonly request: OwnedFd;
  readonly reply: OwnedFd;
}

export interface OpenedChannel {
  readonly kept: KeptChannel;
  readonly ends: Channel['plugin'];
}

export class ChannelKeeper {
  readonly #kept = new Map<number, KeptChannel>();
  /** Sessions whose end the running broker has not reported. */
  #unended = new Set<number>();
  /** Sessions that some broker has had. */
  readonly #given = new Set<number>();
  #next = 1;

  /** Makes a channel and keeps the broker's ends. @returns with the plugin's ends, owned by the caller */
  open(plugin: string): OpenedChannel {
    const channel = makeChannel();
    const kept = { session: this.#next, plugin, ...channel.broker };
    this.#next += 1;
    this.#kept.set(kept.session, kept);
    this.#unended.add(kept.session);
    return { kept, ends: channel.plugin };
  }

  /** As {@link open}. @returns undefined where this process has no descriptor left */
  tryOpen(plugin: string): OpenedChannel | undefined {
    try {
      return this.open(plugin);
    } catch (error) {
      if (!(error instanceof Error) || shortageIn(error.message) === undefined) throw error;
      return undefined;
    }
  }

  /** A broker gets the channel. @returns whether a former one had it */
  give(session: number): boolean {
    const had = /* protects: G13 a channel that no broker had is not resumed => true */ this.#given.has(
      session,
    );
    this.#given.add(session);
    return had;
  }

  all(): readonly KeptChannel[] {
    return [...this.#kept.values()];
  }

  /** The broker reports an end. @returns whether it is the first report, about a session that it had */
  ended(session: number): boolean {
    this.letGo(session);
    return this.#unended.delete(session);
  }

  /** A new broker gets the kept channels, and no others. */
  restart(): void {
    this.#unended = new Set(this.#kept.keys());
  }

  /**
   * Whether a broker may ask for another channel of a plugin, in a session. The broker checks this first, unless it was taken over: so the line
   * about it is not trusted.
   */
  mayOpen(plugin: string, session: number): boolean {
    return (
      this.#kept.get(session)?.plugin === plugin &&
      /* protects: G8 a broker opens no more than a plugin's channels => this.all().filter((kept) => kept.plugin === plugin).length >= 0 */ this.all().filter(
        (kept) => kept.plugin === plugin,
      ).length < CHANNELS_PER_PLUGIN
    );
  }

  /** Ends a channel for all holders of its ends. */
  drop(session: number): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    shutDown(kept.reply.number);
    this.letGo(session);
  }

  /** Closes the ends of a channel that the broker has ended. The broker closes its own ends last, since a plugin can block the last close. */
  letGo(session: number): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    this.#kept.delete(session);
    this.#given.delete(session);
    kept.request.close();
    kept.reply.close();
  }
}
