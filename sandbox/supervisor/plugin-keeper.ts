// Keeps one plugin over its whole life: starts it, restarts it by its policy, and stops it. Its failures reach no other plugin.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import type { StartCause } from '../../shared/reasons.js';
import { isShortage } from '../host/shortage.js';
import { nextRestart, type Run, waitAfterShortage } from './restart-delay.js';
import type { PluginEnd } from './start/sandbox.js';

export interface RunningPlugin {
  readonly ended: Promise<PluginEnd>;
}

/** Starts and stops plugins for a keeper. */
export interface PluginStarter {
  readonly start: (config: PluginConfig, cause: StartCause) => Promise<RunningPlugin>;
  /** Cancels a start that waits. Sends SIGTERM, then SIGKILL. Resolves when every process of the plugin is gone. */
  readonly stop: (name: string) => Promise<void>;
}

export interface PluginWatcher {
  /** @param delayMs until the next start; undefined where there is none */
  readonly onEnd: (name: string, end: PluginEnd, delayMs: number | undefined) => void;
  readonly onFailedStart: (name: string, error: unknown, delayMs: number | undefined) => void;
}

const FAILED_START: Run = { failed: true, milliseconds: 0 };

export class PluginKeeper {
  readonly config: PluginConfig;
  readonly #starter: PluginStarter;
  readonly #watcher: PluginWatcher;
  #stopping = false;
  #wake: (() => void) | undefined;
  #settle: () => void = () => {};
  #ended: Promise<boolean> | undefined;
  /** Resolves after the first start of the plugin, whether it worked or failed. A start for which the host had no room does not count. */
  readonly settled: Promise<void> = new Promise((resolve) => {
    this.#settle = resolve;
  });

  constructor(config: PluginConfig, starter: PluginStarter, watcher: PluginWatcher) {
    this.config = config;
    this.#starter = starter;
    this.#watcher = watcher;
  }

  /** Keeps the plugin until it has ended for good. @returns whether its last run ended with status 0 or was stopped */
  run(): Promise<boolean> {
    this.#ended ??= this.#keep();
    return this.#ended;
  }

  /** Stops the plugin for good. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake?.();
    await this.#starter.stop(this.config.name);
    await this.#ended;
  }

  async #keep(): Promise<boolean> {
    let restarts = 0;
    let shortages = 0;
    let cause: StartCause = 'boot';
    try {
      while (!this.#stopping) {
        const plugin = await this.#start(cause, restarts, shortages);
        if (plugin === 'shortage') {
          await this.#pause(waitAfterShortage(this.config.restart, shortages));
          shortages += 1;
          continue;
        }
        this.#settle();
        if (plugin === 'parked') return false;
        shortages = 0;
        cause = 'restart';
        const run = plugin === undefined ? FAILED_START : await this.#end(plugin, restarts);
        const next = this.#stopping ? undefined : nextRestart(this.config.restart, run, restarts);
        if (next === undefined) return this.#stopping || !run.failed;
        restarts = next.restarts;
        await this.#pause(next.delayMs);
      }
      return true;
    } finally {
      this.#settle();
    }
  }

  /** @returns the plugin; `shortage`: the host had no room for it; `parked`: it is not started any more; undefined: it failed to start */
  async #start(
    cause: StartCause,
    restarts: number,
    shortages: number,
  ): Promise<RunningPlugin | 'shortage' | 'parked' | undefined> {
    const { name, restart } = this.config;
    try {
      return await this.#starter.start(this.config, cause);
    } catch (error) {
      const short = isShortage(error);
      const parked = error instanceof PosternError && error.code === 'plugin_parked';
      const next = parked ? undefined : nextRestart(restart, FAILED_START, restarts);
      const delayMs = short ? waitAfterShortage(restart, shortages) : next?.delayMs;
      if (!this.#stopping) this.#watcher.onFailedStart(name, error, delayMs);
      if (parked) return 'parked';
      return short ? 'shortage' : undefined;
    }
  }

  async #end(plugin: RunningPlugin, restarts: number): Promise<Run> {
    const { name, restart } = this.config;
    const startedAt = performance.now();
    // A stop during the start had nothing to stop yet.
    if (this.#stopping) await this.#starter.stop(name);
    const end = await plugin.ended;
    const run = {
      failed: end.kind === 'killed' || end.status !== 0,
      milliseconds: performance.now() - startedAt,
    };
    const delayMs = this.#stopping ? undefined : nextRestart(restart, run, restarts)?.delayMs;
    this.#watcher.onEnd(name, end, delayMs);
    return run;
  }

  #pause(milliseconds: number): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
