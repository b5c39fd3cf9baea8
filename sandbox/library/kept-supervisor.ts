// A supervisor for an application: plugins come and go, and the application hears of everything by events and promises. It prints nothing.
import { isMainThread } from 'node:worker_threads';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import { Fleet } from '../supervisor/fleet/fleet.js';
import type { PluginStarter, PluginWatcher } from '../supervisor/fleet/plugin-keeper.js';
import { Supervisor } from '../supervisor/supervisor.js';
import { KeptPlugin, type PluginOwner } from './kept-plugin.js';
import { readPlugin } from './read-plugin.js';
import type {
  AskAnswer,
  AskRequest,
  Plugin,
  PluginSettings,
  PolicySettings,
  PosternSupervisor,
  SupervisorSettings,
} from './types.js';

const ANSWERS = ['once', 'run', 'deny'] as const satisfies readonly AskAnswer[];

interface Kept {
  readonly plugin: KeptPlugin;
  settings: PluginSettings;
  config: PluginConfig;
  /** Settles with the first start. */
  readonly begun: (error?: unknown) => void;
}

export class KeptSupervisor implements PosternSupervisor {
  readonly #supervisor: Supervisor;
  readonly #fleet: Fleet;
  readonly #kept = new Map<string, Kept>();
  /** Changes of the list of plugins, one after the other. */
  #changes: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(settings: SupervisorSettings) {
    const { metrics, audit, dns, ask, askMs, onNotice = () => {} } = settings;
    const listener = typeof audit === 'function' ? audit : undefined;
    this.#supervisor = new Supervisor({
      plugins: [],
      metrics,
      audit: typeof audit === 'string' ? audit : undefined,
      dnsServers: dns,
      onEvent: (event) => this.#tell(event, listener),
      askMs,
      onAsk: ask === undefined ? undefined : (request, signal) => answerOf(ask, request, signal),
      onNotice,
      onEnd: (name, end, cause) => this.#kept.get(name)?.plugin.ranOut(end, cause),
      onBrokerWords: (text) => onNotice(text.trimEnd()),
    });
    this.#fleet = new Fleet(this.#starter(), this.#watcher(), (name) => void this.#forget(name));
  }

  get metricsPort(): number | undefined {
    return this.#supervisor.metricsPort;
  }

  get plugins(): readonly Plugin[] {
    return [...this.#kept.values()].map(({ plugin }) => plugin);
  }

  /** @throws PosternError as Supervisor.start does, `wrong_thread` */
  async open(): Promise<this> {
    if (!isMainThread)
      throw new PosternError('wrong_thread', 'Cannot supervise plugins: this is a worker thread', {
        fix: 'create the supervisor in the main thread',
      });
    await this.#supervisor.start();
    return this;
  }

  async start(settings: PluginSettings): Promise<Plugin> {
    const config = readPlugin(settings);
    const plugin = new KeptPlugin(settings, this.#owner());
    let begun: Kept['begun'] = () => {};
    const first = new Promise<void>((resolve, reject) => {
      begun = (error) => (error === undefined ? resolve() : reject(error));
    });
    first.catch(() => {});
    await this.#change(async () => {
      if (this.#kept.has(config.name))
        throw new PosternError('name_taken', `A plugin "${config.name}" runs already`, {
          fix: 'stop it first, or choose another name',
        });
      await this.#supervisor.setPlugins([...this.#configs(), config]);
      this.#kept.set(config.name, { plugin, settings, config, begun });
      this.#fleet.add([{ config, after: [] }], 'boot');
    });
    try {
      await first;
    } catch (error) {
      await this.#stop(config.name);
      throw error;
    }
    return plugin;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#fleet.stopAll();
    await this.#supervisor.close();
    for (const { plugin } of this.#kept.values()) plugin.finish();
    this.#kept.clear();
  }

  #owner(): PluginOwner {
    return {
      pidOf: (name) => this.#fleet.states.find((state) => state.name === name)?.pid,
      connections: (name) => this.#supervisor.connections(name),
      setPolicy: (name, policy) => this.#setPolicy(name, policy),
      stop: (name) => this.#stop(name),
      restart: (name) => this.#fleet.restart(name),
    };
  }

  #setPolicy(name: string, { allow = [], deny = [], mode, unknown }: PolicySettings): Promise<void> {
    return this.#change(async () => {
      const kept = this.#kept.get(name);
      if (kept === undefined) throw gone(name);
      const settings = { ...kept.settings, allow, deny, mode, unknown } as PluginSettings;
      const config = readPlugin(settings);
      await this.#supervisor.setPlugins(
        this.#configs().map((plugin) => (plugin.name === name ? config : plugin)),
      );
      Object.assign(kept, { settings, config });
      this.#fleet.reconfigure({ config, after: [] });
    });
  }

  async #stop(name: string): Promise<void> {
    if (!this.#kept.has(name)) return;
    await this.#fleet.stop(name);
    await this.#forget(name);
  }

  /** The plugin has ended for good: its rules, listeners and series go. */
  #forget(name: string): Promise<void> {
    return this.#change(async () => {
      const kept = this.#kept.get(name);
      if (kept === undefined) return;
      await this.#fleet.remove(name);
      this.#kept.delete(name);
      kept.plugin.finish();
      await this.#supervisor.setPlugins(this.#configs());
    }).catch(() => {});
  }

  #configs(): readonly PluginConfig[] {
    return [...this.#kept.values()].map(({ config }) => config);
  }

  async #change(work: () => Promise<void>): Promise<void> {
    if (this.#closed !== undefined) throw new PosternError('closed', 'The supervisor is closed');
    const done = this.#changes.then(work);
    this.#changes = done.catch(() => {});
    await done;
  }

  #starter(): PluginStarter {
    return {
      start: async (config, cause) => {
        const kept = this.#kept.get(config.name);
        if (kept === undefined) throw gone(config.name);
        let drained: () => Promise<unknown> = async () => {};
        const sandbox = await this.#supervisor.startPlugin(
          config,
          () => {
            const streams = kept.plugin.streams.open();
            drained = streams.drained;
            return streams;
          },
          cause,
        );
        kept.begun();
        return { pid: sandbox.pid, ended: sandbox.ended.then((end) => drained().then(() => end)) };
      },
      stop: ({ name, stop }) => this.#supervisor.stopPlugin(name, stop),
    };
  }

  #watcher(): PluginWatcher {
    return {
      onEnd: () => {},
      onFailedStart: (name, error) => this.#kept.get(name)?.begun(error),
    };
  }

  #tell(event: AuditEvent, listener: ((event: AuditEvent) => void) | undefined): void {
    listener?.(event);
    if ('plugin' in event) this.#kept.get(event.plugin)?.plugin.tell(event);
  }
}

/** What is no answer denies, so that no plugin waits for an application that failed. */
async function answerOf(
  ask: NonNullable<SupervisorSettings['ask']>,
  request: AskRequest,
  signal: AbortSignal,
): Promise<{ readonly answer: AskAnswer }> {
  try {
    const answer = await ask(request, signal);
    return { answer: ANSWERS.find((one) => one === answer) ?? 'deny' };
  } catch {
    return { answer: 'deny' };
  }
}

function gone(name: string): PosternError {
  return new PosternError('unknown_plugin', `There is no plugin "${name}"`, {
    fix: 'start it first',
  });
}
