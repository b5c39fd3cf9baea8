// The sandboxes that start, run and are stopped, one for each plugin at most. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { StartCause } from '../../shared/reasons.js';
import type { Cgroups } from './cgroup/cgroups.js';
import { exitCause, limitThatEnded } from './exit-cause.js';
import type { Records } from './record/records.js';
import type { Sandbox } from './start/sandbox.js';
import type { SupervisorOptions } from './supervisor-options.js';

export interface RunContext {
  readonly records: Records;
  readonly cgroups: Cgroups;
  readonly onEnd?: SupervisorOptions['onEnd'];
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

export class PluginRuns {
  readonly #context: RunContext;
  readonly #running = new Map<string, Sandbox>();
  readonly #launching = new Set<Promise<Sandbox>>();
  readonly #stopped = new Set<string>();
  #closed = false;

  constructor(context: RunContext) {
    this.#context = context;
  }

  /** Whether postern stopped the plugin's last run. */
  wasStopped(plugin: string): boolean {
    return this.#stopped.has(plugin);
  }

  /** The first processes of each plugin that runs, see {@link Sandbox.pids}. */
  *pids(): Iterable<readonly [plugin: string, pids: readonly number[]]> {
    for (const [plugin, sandbox] of this.#running) yield [plugin, sandbox.pids];
  }

  /** @param launch makes the sandbox, whose control group is made already */
  async start(config: PluginConfig, cause: StartCause, launch: () => Promise<Sandbox>): Promise<Sandbox> {
    const { records, cgroups } = this.#context;
    this.#stopped.delete(config.name);
    const launching = launch();
    this.#launching.add(launching);
    launching.catch(() => cgroups.end(config.name));
    const sandbox = await launching.finally(() => this.#launching.delete(launching));
    if (this.#closed) sandbox.kill();
    this.#running.set(config.name, sandbox);
    records.pluginStarted(config.name, cause);
    sandbox.ended.then((end) => {
      this.#running.delete(config.name);
      const outOfMemory = cgroups.end(config.name);
      const stopped = this.#stopped.has(config.name);
      const cause = exitCause(end, config.limits, { stopped, outOfMemory });
      records.pluginEnded(config.name, cause);
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

  /** Ends every process of the plugin at once. */
  kill(plugin: string): void {
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
