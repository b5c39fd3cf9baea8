// Ends a plugin's connections when it has sent or received as much as it may (sent_mib, received_mib). Runs in the broker, which sees no byte of
// them: it asks the kernel again and again, the sooner the less is left. Without such a limit, or an open connection, it never asks.
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import { LISTED_AT_ONCE, QUOTA_LOOK_MS } from '../../shared/limits.js';
import { hasQuota, leftOfQuota, spentQuota } from '../ledger/byte-sums.js';
import type { Plugin, Services } from '../request/plugin.js';
import { countOver, endConnections } from './end-connections.js';

/** 10 Gbit/s: the broker looks at the bytes of a plugin as soon as they could be used up at this rate, but within {@link QUOTA_LOOK_MS}. */
const QUOTA_BYTES_PER_MS = 1_250_000;
/** With many connections it looks at so many in a millisecond. */
const QUOTA_LOOKS_PER_MS = 10;

/** After a search for the holders of connections that are over, the broker pauses so many times as long. */
const SEARCH_PAUSE_FACTOR = 10;

export class Quota {
  readonly #services: Services;
  readonly #plugin: Plugin;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #counting = false;

  constructor(services: Services, plugin: Plugin) {
    this.#services = services;
    this.#plugin = plugin;
  }

  /** The plugin has one more connection, or other limits. */
  begin(): void {
    if (this.#timer === undefined && !this.#looking) this.#plan();
  }

  #plan(): void {
    const { connections, limits } = this.#plugin;
    if (connections === undefined || !hasQuota(limits)) return;
    const { open } = connections;
    // protects: G22 quota: a connection that is over while it is made is looked at again => if (open === 0 && !connections.hasOver(0)) return;
    if (connections.uncounted === 0) return;
    const wait = pauseBeforeLook(leftOfQuota(limits, connections.total()), open);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, wait).unref();
  }

  async #look(): Promise<void> {
    this.#looking = true;
    await this.#count();
    const { connections, limits } = this.#plugin;
    const isSpent = connections !== undefined && spentQuota(limits, connections.total()) !== undefined;
    void this.#countOver();
    if (isSpent)
      // protects: G22 quota: open connections end when it is used up => void endConnections;
      await endConnections(this.#services, this.#plugin, connections, () => true, 'quota');
    this.#looking = false;
    this.#plan();
  }

  /** What is over and still held would count only when its program closes it. The looks at the others do not wait for it. */
  async #countOver(): Promise<void> {
    const { connections, vainSearches } = this.#plugin;
    if (this.#counting || connections === undefined) return;
    // The kernel reports a little later what was closed.
    const over = connections.over(QUOTA_LOOK_MS.least, (cookie) => vainSearches.isDue(cookie));
    if (over.length === 0) return;
    this.#counting = true;
    // protects: G22 quota: a connection that is over counts before its program closes it => const searchedMs = 0; void countOver;
    const searchedMs = await countOver(this.#services, this.#plugin, connections, over);
    await pause(SEARCH_PAUSE_FACTOR * searchedMs, undefined, { ref: false });
    this.#counting = false;
  }

  async #count(): Promise<void> {
    const cookies = this.#plugin.connections?.cookies ?? [];
    for (let at = 0; at < cookies.length; at += LISTED_AT_ONCE) {
      const part = cookies.slice(at, at + LISTED_AT_ONCE);
      // protects: G22 quota: bytes are asked for under the stall guard => this.#plugin.connections?.count(part);
      this.#services.guard.watch(this.#plugin.stall, () => this.#plugin.connections?.count(part));
      await setImmediate();
    }
  }
}

/**
 * @param left bytes until a limit is used up
 * @param open connections that are looked at
 * @returns milliseconds
 */
export function pauseBeforeLook(left: number, open: number): number {
  const { least, most } = QUOTA_LOOK_MS;
  const soonest = left / QUOTA_BYTES_PER_MS;
  return Math.max(open / QUOTA_LOOKS_PER_MS, Math.min(most, Math.max(least, soonest)));
}
