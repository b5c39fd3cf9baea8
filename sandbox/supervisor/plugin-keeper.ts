// Keeps one plugin over its whole life: starts it, restarts it by its policy, and stops it. Its failures reach no other plugin.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { StartCause } from '../../shared/reasons.js';
import { nextRestart, type Run } from './restart-delay.js';
import type { PluginEnd } from './start/sandbox.js';

export interface RunningPlugin {
  readonly ended: Promise<PluginEnd>;
}

/** Starts and stops plugins for a keeper. */
export interface PluginStarter {
  readonly start: (config: PluginConfig, cause: StartCause) => Promise<RunningPlugin>;
  /** Sends SIGTERM, then SIGKILL. Resolves when every process of the plugin is gone. */
  readonly stop: (name: string) => Promise<void>;
}

export interface PluginWatcher {
  /** @param delayMs until the next start; undefined where there is none */
  readonly onEnd: (name: string, end: PluginEnd, delayMs: number | undefined) => void;
  readonly onFailedStart: (name: string, error: unknown, delayMs: number | undefined) => void;
}

export class PluginKeeper {
  readonly config: PluginConfig;
  readonly #starter: PluginStarter;
  readonly #watcher: PluginWatcher;
  #stopping = false;
  #wake: (() => void) | undefined;
  #settle: () => void = () => {};
  #ended: Promise<boolean> | undefined;
  /** Resolves after the first start of the plugin, whether it worked or failed. */
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
    for (let cause: StartCause = 'boot'; !this.#stopping; cause = 'restart') {
      const run = await this.#runOnce(cause, restarts);
      const next = this.#stopping ? undefined : nextRestart(this.config.restart, run, restarts);
      if (next === undefined) return this.#stopping || !run.failed;
      restarts = next.restarts;
      await this.#pause(next.delayMs);
    }
    this.#settle();
    return true;
  }

  async #runOnce(cause: StartCause, restarts: number): Promise<Run> {
    const { config } = this;
    const delay = (run: Run): number | undefined =>
      this.#stopping ? undefined : nextRestart(config.restart, run, restarts)?.delayMs;
    let plugin: RunningPlugin;
    try {
      plugin = await this.#starter.start(config, cause);
    } catch (error) {
      const run = { failed: true, milliseconds: 0 };
      if (!this.#stopping) this.#watcher.onFailedStart(config.name, error, delay(run));
      return run;
    } finally {
      this.#settle();
    }
    const startedAt = performance.now();
    // A stop during the start had nothing to stop yet.
    if (this.#stopping) await this.#starter.stop(config.name);
    const end = await plugin.ended;
    const run = {
      failed: end.kind === 'killed' || end.status !== 0,
      milliseconds: performance.now() - startedAt,
    };
    this.#watcher.onEnd(config.name, end, delay(run));
    return run;
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
