// Keeps the broker's ends of every channel in the supervisor, for the next broker.
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { shutDown } from '../../../shared/sys/socket.js';
import { type Channel, makeChannel } from './make-channel.js';

/** A kept channel, under the session number that both sides use. */
export interface KeptChannel {
  readonly session: number;
  readonly plugin: string;
  readonly request: OwnedFd;
  readonly reply: OwnedFd;
}

export class ChannelKeeper {
  readonly #kept = new Map<number, KeptChannel>();
  #next = 1;

  /** Makes a channel and keeps the broker's ends. @returns with the plugin's ends, owned by the caller */
  open(plugin: string): { readonly kept: KeptChannel; readonly ends: Channel['plugin'] } {
    const channel = makeChannel();
    const kept = { session: this.#next, plugin, ...channel.broker };
    this.#next += 1;
    this.#kept.set(kept.session, kept);
    return { kept, ends: channel.plugin };
  }

  all(): readonly KeptChannel[] {
    return [...this.#kept.values()];
  }

  pluginOf(session: number): string | undefined {
    return this.#kept.get(session)?.plugin;
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
    kept.request.close();
    kept.reply.close();
  }
}
