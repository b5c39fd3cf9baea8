// The broker's ends of every channel, as the supervisor keeps them: what a broker that dies loses, the next one gets.
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { shutDown } from '../../../shared/sys/socket.js';
import { type Channel, makeChannel } from './make-channel.js';

/** A channel that is kept, under the number that names its session to both sides. */
export interface KeptChannel {
  readonly session: number;
  readonly plugin: string;
  readonly request: OwnedFd;
  readonly reply: OwnedFd;
}

export class ChannelKeeper {
  readonly #kept = new Map<number, KeptChannel>();
  #next = 1;

  /** Makes a channel and keeps the broker's ends. @returns also the plugin's ends, owned by the caller */
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

  /** Ends a channel for every holder of its ends. */
  drop(session: number): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    shutDown(kept.reply.number);
    this.letGo(session);
  }

  /** Closes the ends of a channel that the broker has ended. It closes its own last, and waits for what a plugin can make the last one wait for. */
  letGo(session: number): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    this.#kept.delete(session);
    kept.request.close();
    kept.reply.close();
  }
}
