// Ends connections of a plugin that are older than connection_seconds. Runs in the broker.

import type { NotedConnection } from '../ledger/register.js';
import { monotonicMs } from '../ledger/slot-memory.js';
import type { Plugin, Services } from '../request/plugin.js';
import { endConnections } from './end-connections.js';

/** A connection that is too old ends this much later at most. The broker looks at least so often, since a clock can stop. */
const AGE_LOOK_MS: { readonly least: number; readonly most: number } = { least: 500, most: 3_600_000 };

export class AgeLimit {
  readonly #services: Services;
  readonly #plugin: Plugin;
  #timer: NodeJS.Timeout | undefined;
  /** The limit that the timer is for. */
  #seconds: number | undefined;
  #ending = false;

  constructor(services: Services, plugin: Plugin) {
    this.#services = services;
    this.#plugin = plugin;
  }

  /** The plugin has one more connection, or other limits. */
  begin(): void {
    if (this.#ending) return;
    // protects: G22 age: a limit that is lowered holds for what is open => void this.#seconds;
    if (this.#seconds !== this.#plugin.limits.connectionSeconds) this.#forget();
    if (this.#timer === undefined) this.#plan(0);
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** @param least milliseconds to wait */
  #plan(least: number): void {
    const { connections, limits } = this.#plugin;
    const { connectionSeconds } = limits;
    if (connectionSeconds === undefined) return;
    const oldest = connections?.oldest();
    if (oldest === undefined) return;
    this.#seconds = connectionSeconds;
    const wait = oldest + connectionSeconds * 1_000 - monotonicMs();
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        void this.#end(connectionSeconds);
      },
      Math.min(AGE_LOOK_MS.most, Math.max(least, wait)),
    ).unref();
  }

  async #end(seconds: number): Promise<void> {
    this.#ending = true;
    const latest = monotonicMs() - seconds * 1_000;
    const { connections } = this.#plugin;
    const isOld = ({ since }: NotedConnection): boolean => since <= latest;
    if (connections !== undefined)
      // protects: G22 a connection that is too old ends => void [endConnections, isOld];
      await endConnections(this.#services, this.#plugin, connections, isOld, 'age');
    this.#ending = false;
    this.#plan(AGE_LOOK_MS.least);
  }
}
