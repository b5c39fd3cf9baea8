// Keeps one plugin from a start until it has ended for good: starts it, restarts it by its policy, and stops it. Its failures reach no other
// plugin.
import type { PluginConfig, RestartConfig } from '../../../shared/config/plugin-config.js';
import { messageOf, PosternError } from '../../../shared/errors.js';
import type { PluginStateWord, StartCause } from '../../../shared/words.js';
import { isShortage } from '../../host/shortage.js';
import type { PluginEnd } from '../start/sandbox.js';

export interface RunningPlugin {
  /** Of its first process, on the host. */
  readonly pid?: number | undefined;
  readonly ended: Promise<PluginEnd>;
  /** Resolves when it is ready, and never if it ends before. Missing: it is ready. */
  readonly ready?: Promise<void> | undefined;
  /** What it says about itself. */
  readonly notices?: PluginNotices | undefined;
}

interface PluginNotices {
  /** For the operator. */
  readonly status: string | undefined;
  /** It has said that it ends. */
  readonly isStopping: boolean;
}

/** Starts and stops plugins for a keeper. */
export interface PluginStarter {
  readonly start: (config: PluginConfig, cause: StartCause) => Promise<RunningPlugin>;
  /** Cancels a start that waits. Sends SIGTERM, then SIGKILL. Resolves when every process of the plugin is gone. */
  readonly stop: (config: PluginConfig) => Promise<void>;
  /** It is stopped, and starts again only if an operator says so. */
  readonly rest: (config: PluginConfig) => void;
}

export interface PluginWatcher {
  /** @param delayMs until the next start; undefined where there is none */
  readonly onEnd: (name: string, end: PluginEnd, delayMs: number | undefined) => void;
  readonly onFailedStart: (name: string, error: unknown, delayMs: number | undefined) => void;
}

const FAILED_START: Run = { failed: true, milliseconds: 0 };

type Started = RunningPlugin | 'shortage' | 'parked' | undefined;

export class PluginKeeper {
  #config: PluginConfig;
  readonly #cause: StartCause;
  readonly #starter: PluginStarter;
  readonly #watcher: PluginWatcher;
  #stopping = false;
  #wake: (() => void) | undefined;
  #isSettled = false;
  /** Wakes those that wait until it is settled. */
  readonly #waiting: (() => void)[] = [];
  #isReady = false;
  #ended: Promise<boolean> | undefined;
  #word: StateWord = 'waiting';
  #since = performance.now();
  #starts = 0;
  #running: RunningPlugin | undefined;
  #lastEnd: PluginEnd | string | undefined;
  #nextStart: number | undefined;

  /** @param cause of the first start */
  constructor(
    config: PluginConfig,
    starter: PluginStarter,
    watcher: PluginWatcher,
    cause: StartCause = 'boot',
  ) {
    this.#config = config;
    this.#starter = starter;
    this.#watcher = watcher;
    this.#cause = cause;
  }

  get config(): PluginConfig {
    return this.#config;
  }

  /** @param config for its later starts and its restart policy. The running program does not change */
  reconfigure(config: PluginConfig): void {
    this.#config = config;
  }

  /** It was told to stop, and starts nothing more. */
  get isStopping(): boolean {
    return this.#stopping;
  }

  /** As {@link settled} says. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  get state(): PluginState {
    const notices = this.#running?.notices;
    return {
      name: this.#config.name,
      state: this.#word === 'running' && notices?.isStopping === true ? 'stopping' : this.#word,
      ageMs: performance.now() - this.#since,
      isReady: this.#isReady,
      pid: this.#running?.pid,
      status: notices?.status,
      starts: this.#starts,
      lastEnd: this.#lastEnd,
      startsInMs: this.#nextStart === undefined ? undefined : this.#nextStart - performance.now(),
    };
  }

  /**
   * Resolves when plugins that come after it need not wait: it is ready, or it could not be started, or it has ended for good. With each start
   * they wait again. A start for which the host had no room does not count.
   */
  settled(): Promise<void> {
    return this.#isSettled ? Promise.resolve() : new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** Keeps the plugin until it has ended for good. @returns whether its last run ended with status 0 or was stopped */
  run(): Promise<boolean> {
    this.#ended ??= this.#keep();
    return this.#ended;
  }

  /** Stops the plugin for good. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#word !== 'ended' && this.#word !== 'failed') this.#enter('stopping');
    this.#wake?.();
    await this.#starter.stop(this.#config);
    await this.#ended;
    this.#settle();
    this.#enter('stopped');
  }

  async #keep(): Promise<boolean> {
    const good = await this.#startAgainAndAgain();
    if (!this.#stopping) this.#enter(good ? 'ended' : 'failed');
    this.#settle();
    return good;
  }

  async #startAgainAndAgain(): Promise<boolean> {
    let restarts = 0;
    let shortages = 0;
    let cause = this.#cause;
    while (!this.#stopping) {
      const plugin = await this.#start(cause, restarts, shortages);
      if (plugin === 'shortage') {
        await this.#pause(waitBefore(this.#config.restart, shortages));
        shortages += 1;
        continue;
      }
      if (plugin === 'parked') return false;
      // A plugin that never starts must not keep the others.
      if (plugin === undefined) this.#settle();
      shortages = 0;
      cause = 'restart';
      const run = plugin === undefined ? FAILED_START : await this.#end(plugin, restarts);
      const next = this.#stopping ? undefined : nextRestart(this.#config.restart, run, restarts);
      if (next === undefined) return this.#stopping || !run.failed;
      restarts = next.restarts;
      await this.#pause(next.delayMs);
    }
    return true;
  }

  /** @returns the plugin; `shortage`: the host had no room for it; `parked`: it is not started any more; undefined: it failed to start */
  async #start(cause: StartCause, restarts: number, shortages: number): Promise<Started> {
    this.#enter('starting');
    this.#isSettled = false;
    try {
      const plugin = await this.#starter.start(this.#config, cause);
      this.#starts += 1;
      this.#running = plugin;
      this.#enter(this.#stopping ? 'stopping' : 'running');
      if (this.#config.kind === 'service') void this.#awaitReady(plugin);
      return plugin;
    } catch (error) {
      return this.#failed(error, restarts, shortages);
    }
  }

  #failed(error: unknown, restarts: number, shortages: number): Started {
    const { name, restart } = this.#config;
    this.#lastEnd = messageOf(error);
    const short = isShortage(error);
    const parked = error instanceof PosternError && error.code === 'plugin_parked';
    const next = parked ? undefined : nextRestart(restart, FAILED_START, restarts);
    const delayMs = short ? waitBefore(restart, shortages) : next?.delayMs;
    if (!this.#stopping) this.#watcher.onFailedStart(name, error, delayMs);
    if (parked) return 'parked';
    return short ? 'shortage' : undefined;
  }

  async #end(plugin: RunningPlugin, restarts: number): Promise<Run> {
    const startedAt = performance.now();
    // A stop during the start had nothing to stop yet.
    if (this.#stopping) await this.#starter.stop(this.#config);
    const end = await plugin.ended;
    this.#running = undefined;
    this.#lastEnd = end;
    this.#isReady = this.#config.kind === 'job' && end.kind === 'exited' && end.status === 0;
    if (this.#isReady) this.#settle();
    const run = {
      failed: end.kind === 'killed' || end.status !== 0,
      milliseconds: performance.now() - startedAt,
    };
    const { name, restart } = this.#config;
    const delayMs = this.#stopping ? undefined : nextRestart(restart, run, restarts)?.delayMs;
    this.#watcher.onEnd(name, end, delayMs);
    return run;
  }

  async #awaitReady(plugin: RunningPlugin): Promise<void> {
    await plugin.ready;
    if (this.#running !== plugin) return;
    this.#isReady = true;
    this.#settle();
  }

  async #pause(milliseconds: number): Promise<void> {
    if (this.#stopping) return;
    this.#enter('pausing');
    this.#nextStart = performance.now() + milliseconds;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#nextStart = undefined;
  }

  #settle(): void {
    this.#isSettled = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #enter(word: StateWord): void {
    if (this.#word === word) return;
    this.#word = word;
    this.#since = performance.now();
  }
}

// What a plugin is doing, as the operator sees it.

/**
 * `waiting`: for the plugins that it comes after. `pausing`: before its next start. `stopping`: by the operator, a reload or its own word. `stopped`: by the operator, until it is started again. `ended`: for
 * good. `failed`: for good, and not well.
 */
const STATE_WORDS = [
  'waiting',
  'starting',
  'running',
  'pausing',
  'stopping',
  'stopped',
  'ended',
  'failed',
] as const;
export type StateWord = (typeof STATE_WORDS)[number];

/** The same in the metrics. One that is told to stop runs until it has ended. */
const METRIC_WORDS: Readonly<Record<StateWord, PluginStateWord>> = {
  waiting: 'waiting',
  starting: 'starting',
  running: 'running',
  pausing: 'backoff',
  stopping: 'running',
  stopped: 'stopped',
  ended: 'finished',
  failed: 'failed',
};

/** A plugin that runs and is ready is `ready`. A job is never ready while it runs. */
export function stateWord({ state, isReady }: Pick<PluginState, 'state' | 'isReady'>): PluginStateWord {
  return state === 'running' && isReady ? 'ready' : METRIC_WORDS[state];
}

export interface PluginState {
  readonly name: string;
  readonly state: StateWord;
  /** For how long, in milliseconds. */
  readonly ageMs: number;
  /** Whether its current run is ready; of a job, whether it ended well. */
  readonly isReady: boolean;
  /** Of the first process, on the host, while it runs. */
  readonly pid: number | undefined;
  /** What its current run last said about itself, for the operator; undefined: nothing. */
  readonly status?: string | undefined;
  /** How often its program began. */
  readonly starts: number;
  /** How its last run ended; a text: why the start after it failed. */
  readonly lastEnd: PluginEnd | string | undefined;
  /** When it starts again, in milliseconds from now, while it is `pausing`. */
  readonly startsInMs: number | undefined;
}

// Decides whether an ended plugin is started again, and after how long. Pure.

/** A run of a plugin that has ended. */
interface Run {
  /** It did not start, ended with a status other than 0, or was killed. */
  readonly failed: boolean;
  /** Counted from its execve(2). */
  readonly milliseconds: number;
}

/**
 * @param restarts the number of restarts since it last ran for `resetAfterMs`
 * @returns the delay in milliseconds and the new count; undefined where it has ended for good
 */
export function nextRestart(
  config: RestartConfig,
  run: Run,
  restarts: number,
): { readonly delayMs: number; readonly restarts: number } | undefined {
  if (config.policy === 'no' || (config.policy === 'on-failure' && !run.failed)) return undefined;
  const so = run.milliseconds >= config.resetAfterMs ? 0 : restarts;
  return { delayMs: waitBefore(config, so), restarts: so + 1 };
}

/** The wait after so many runs, or starts for which the host had no room: those count apart, and no policy ends them. */
function waitBefore({ delayMs, maxDelayMs }: RestartConfig, times: number): number {
  // 2 ** 30 is above every bound, and still an exact number.
  return Math.min(delayMs * 2 ** Math.min(times, 30), Math.max(delayMs, maxDelayMs));
}
