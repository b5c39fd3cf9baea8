// The sandboxes that start, run and are stopped, one for each plugin at most. Runs in the supervisor.

import { constants } from 'node:os';
import type { LimitName, Limits } from '../../shared/config/limit-forms.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { ExitCause, StartCause } from '../../shared/words.js';
import type { Cgroups } from './cgroup/cgroups.js';
import type { Records } from './record/records.js';
import type { RootPlan } from './root/plan-root.js';
import type { PluginEnd, Sandbox } from './start/sandbox.js';
import type { SupervisorOptions } from './supervisor-options.js';

interface RunContext {
  readonly records: Records;
  readonly cgroups: Cgroups;
  readonly onEnd?: SupervisorOptions['onEnd'];
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

/** What a run was started with: only its end takes from it what it sees and writes. A new plan would follow what the plugin has changed since. */
export interface LiveRun {
  readonly config: PluginConfig;
  readonly plan: RootPlan;
}

export class PluginRuns {
  readonly #context: RunContext;
  readonly #running = new Map<string, Sandbox>();
  readonly #launching = new Set<Promise<Sandbox>>();
  readonly #live = new Map<string, LiveRun>();
  readonly #stopped = new Set<string>();
  /** Those that were to end while they were starting. */
  readonly #killed = new Set<string>();
  #closed = false;

  constructor(context: RunContext) {
    this.#context = context;
  }

  /** Whether postern stopped the plugin's last run. */
  wasStopped(plugin: string): boolean {
    return this.#stopped.has(plugin);
  }

  /** Each run that begins or goes on. */
  get live(): readonly LiveRun[] {
    return [...this.#live.values()];
  }

  /** The first processes of each plugin that runs, see {@link Sandbox.pids}. */
  *pids(): Iterable<readonly [plugin: string, pids: readonly number[]]> {
    for (const [plugin, sandbox] of this.#running) yield [plugin, sandbox.pids];
  }

  /** @param launch makes the sandbox, whose control group is made already. It tells the plan in the turn of the call, or fails */
  async start(
    config: PluginConfig,
    cause: StartCause,
    launch: (onPlan: (plan: RootPlan) => void) => Promise<Sandbox>,
  ): Promise<Sandbox> {
    const { records, cgroups } = this.#context;
    this.#stopped.delete(config.name);
    this.#killed.delete(config.name);
    const launching = launch((plan) => this.#live.set(config.name, { config, plan }));
    this.#launching.add(launching);
    launching.catch(() => {
      this.#live.delete(config.name);
      cgroups.end(config.name);
    });
    const sandbox = await launching.finally(() => this.#launching.delete(launching));
    if (
      this.#closed ||
      /* protects: G11 a plugin that is to end for good while it starts is ended => false */ this.#killed.has(
        config.name,
      )
    )
      sandbox.kill();
    this.#running.set(config.name, sandbox);
    records.pluginStarted(config.name, cause);
    sandbox.ended.then((end) => {
      this.#running.delete(config.name);
      this.#live.delete(config.name);
      const outOfMemory = cgroups.end(config.name);
      const stopped = this.#stopped.has(config.name);
      const cause = exitCause(end, config.limits, { stopped, outOfMemory });
      records.pluginEnded(config.name, cause, end.kind === 'exited' ? end.status : 128 + end.signal);
      this.#context.onEnd?.(config.name, end, cause);
      const limit = stopped ? undefined : limitThatEnded(end, config.limits, outOfMemory);
      if (limit !== undefined) this.#context.onNotice(`"${config.name}" was ended by its limit ${limit}`);
    });
    return sandbox;
  }

  /** Sends a signal, and SIGKILL after a time. Resolves when every process of the plugin is gone. */
  async stop(plugin: string, signal: number, timeoutMs: number): Promise<void> {
    const sandbox = this.#running.get(plugin);
    if (sandbox === undefined) return;
    this.#stopped.add(plugin);
    sandbox.signal(signal);
    const timer = setTimeout(() => sandbox.kill(), timeoutMs);
    await sandbox.ended;
    clearTimeout(timer);
  }

  /** Sends a signal to the plugin's first process. @returns false where it does not run */
  signal(plugin: string, signal: number): boolean {
    return this.#running.get(plugin)?.signal(signal) === true;
  }

  /** Ends every process of the plugin at once, or once it runs if it is starting. */
  kill(plugin: string): void {
    this.#killed.add(plugin);
    this.#running.get(plugin)?.kill();
  }

  /** Stops every plugin. A plugin that is still starting is killed once it runs. Its start and its end are awaited. */
  async close(signal: number, timeoutMs: number): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#running.keys()].map((name) => this.stop(name, signal, timeoutMs)));
    await Promise.allSettled(this.#launching);
    await Promise.all([...this.#running.values()].map((sandbox) => sandbox.ended));
  }
}

// Finds out why a plugin ended, as far as that shows from outside. Pure.

const { SIGKILL, SIGXCPU, SIGXFSZ } = constants.signals;

type EndingLimit = Extract<LimitName, 'total_memory_mib' | 'cpu_seconds' | 'file_mib'>;

/**
 * @returns the limit whose signal ended the plugin's first process. Other limits give the plugin an errno, which nobody outside
 *   sees. A process that handles these signals may end in another way.
 */
export function limitThatEnded(end: PluginEnd, limits: Limits, outOfMemory = false): EndingLimit | undefined {
  if (end.kind !== 'killed') return undefined;
  if (end.signal === SIGKILL && outOfMemory) return 'total_memory_mib';
  if (end.signal === SIGXCPU && limits.cpuSeconds !== undefined) return 'cpu_seconds';
  if (end.signal === SIGXFSZ && limits.fileMib !== undefined) return 'file_mib';
  return undefined;
}

/** @param how `stopped`: postern told it to end; `outOfMemory`: the kernel killed processes of its control group */
export function exitCause(
  end: PluginEnd,
  limits: Limits,
  {
    stopped = false,
    outOfMemory = false,
  }: { readonly stopped?: boolean; readonly outOfMemory?: boolean } = {},
): ExitCause {
  if (stopped) return 'operator';
  const limit = limitThatEnded(end, limits, outOfMemory);
  if (limit !== undefined) return limit === 'total_memory_mib' ? 'oom' : 'limit';
  if (end.kind === 'killed') return 'signal';
  return end.status === 0 ? 'exit' : 'error';
}
