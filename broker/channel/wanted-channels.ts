// The channels that plugins asked for and the supervisor has still to make. Each counts as one of its plugin's channels until the supervisor
// has answered, even if the program that asked is gone by then: the supervisor counts it too, and makes no channel past the limit. Runs in
// the broker.
import type { Plugin } from '../request/plugin.js';
import type { ChannelClient } from './channel-client.js';

/** Who asked, and by which request. */
interface WantedChannel {
  readonly client: ChannelClient;
  readonly id: number;
}

export class WantedChannels {
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
