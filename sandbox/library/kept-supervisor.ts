// A supervisor for an application: plugins come and go, and the application hears of everything by events and promises. It prints nothing.
import { EventEmitter } from 'node:events';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { KeptFleet } from '../operate/kept-fleet.js';
import { KeptPlugin, type PluginOwner } from './kept-plugin.js';
import { supervisorOptions } from './library-options.js';
import { tell } from './plugin-events.js';
import { readPlugin, readPolicy } from './read-settings.js';
import type {
  Plugin,
  PluginSettings,
  PolicySettings,
  PosternSupervisor,
  Stdio,
  SupervisorEvents,
  SupervisorSettings,
} from './types.js';

export interface Kept {
  readonly plugin: KeptPlugin;
  settings: PluginSettings;
  config: PluginConfig;
  /** Settles the first start. */
  readonly begun: (error?: unknown) => void;
  readonly first: Promise<void>;
}

export class KeptSupervisor extends EventEmitter<SupervisorEvents> implements PosternSupervisor {
  readonly #fleet: KeptFleet;
  readonly #kept = new Map<string, Kept>();
  /** Changes of the list of plugins, one after the other. */
  #changes: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  /** @throws PosternError `control_socket` */
  constructor(settings: SupervisorSettings) {
    super();
    this.#fleet = new KeptFleet({
      ...supervisorOptions(settings, (event) => {
        if ('plugin' in event) this.#kept.get(event.plugin)?.plugin.tell(event);
      }),
      onEnd: (name, end, cause) => this.#kept.get(name)?.plugin.ranOut(end, cause),
      streams: ({ name }) => {
        const kept = this.#kept.get(name);
        if (kept === undefined) throw gone(name);
        return kept.plugin.streams.open();
      },
      onBegun: (name) => this.#kept.get(name)?.begun(),
      watcher: {
        onEnd: () => {},
        onFailedStart: (name, error) => this.#kept.get(name)?.begun(error),
      },
      onGone: (name) => {
        const kept = this.#kept.get(name);
        if (kept !== undefined) void this.#forget(kept);
      },
    });
  }

  get metricsPort(): number | undefined {
    return this.#fleet.supervisor.metricsPort;
  }

  get plugins(): readonly Plugin[] {
    return [...this.#kept.values()].map(({ plugin }) => plugin);
  }

  /** @throws PosternError as KeptFleet.open does */
  async open(): Promise<this> {
    await this.#fleet.open();
    return this;
  }

  start<S extends Stdio = 'pipe'>(settings: PluginSettings<S>): Promise<Plugin<S>>;
  async start(settings: PluginSettings): Promise<Plugin> {
    const kept = this.make(settings, readPlugin(settings));
    await this.begin(kept);
    return kept.plugin;
  }

  /** A plugin that has its streams, and does not run yet. */
  make(settings: PluginSettings, config: PluginConfig): Kept {
    let begun: Kept['begun'] = () => {};
    const first = new Promise<void>((resolve, reject) => {
      begun = (error) => (error === undefined ? resolve() : reject(error));
    });
    first.catch(() => {});
    return { plugin: new KeptPlugin(settings, this.#owner), settings, config, begun, first };
  }

  /** Resolves when its program has begun. @throws PosternError as {@link start} does */
  async begin(kept: Kept): Promise<void> {
    const { config, first } = kept;
    await this.#change(async () => {
      if (this.#kept.has(config.name))
        throw new PosternError('name_taken', `name: a plugin "${config.name}" runs already`, {
          fix: 'stop it first, or choose another name',
        });
      await this.#fleet.supervisor.setPlugins([...this.#configs(), config]);
      this.#kept.set(config.name, kept);
      this.#fleet.fleet.add([{ config, after: [] }], 'boot');
    });
    try {
      await first;
    } catch (error) {
      await this.#stop(kept);
      throw error;
    }
  }

  /** Sends a signal to its first process. @returns false where it does not run */
  signal({ plugin }: Kept, signal: number): boolean {
    return this.#find(plugin) !== undefined && this.#fleet.supervisor.signalPlugin(plugin.name, signal);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#changes;
    await this.#fleet.close();
    for (const { plugin, begun } of this.#kept.values()) {
      begun(closed());
      plugin.finish();
    }
    this.#kept.clear();
  }

  /** Another plugin may have the name of one that has ended: each is told apart by its object. */
  readonly #owner: PluginOwner = {
    pidOf: (plugin) =>
      this.#find(plugin) && this.#fleet.fleet.states.find(({ name }) => name === plugin.name)?.pid,
    connections: async (plugin) => this.#fleet.supervisor.connections(this.#require(plugin).config.name),
    setPolicy: (plugin, policy) => this.#setPolicy(plugin, policy),
    stop: async (plugin) => {
      const kept = this.#find(plugin);
      if (kept !== undefined) await this.#stop(kept);
    },
    restart: async (plugin) => this.#fleet.fleet.restart(this.#require(plugin).config.name),
    tell: (event, argument, plugin) => tell(this, event, argument, plugin),
  };

  async #setPolicy(plugin: KeptPlugin, policy: PolicySettings): Promise<void> {
    const changed = readPolicy(policy);
    await this.#change(async () => {
      const kept = this.#require(plugin);
      const settings = { ...kept.settings, ...changed };
      const config = readPlugin(settings);
      await this.#fleet.supervisor.setPlugins(
        this.#configs().map((one) => (one.name === plugin.name ? config : one)),
      );
      Object.assign(kept, { settings, config });
      this.#fleet.fleet.reconfigure({ config, after: [] });
    });
  }

  async #stop(kept: Kept): Promise<void> {
    // Outside of the queue of changes: a stop may take long, and other plugins start meanwhile. It may be gone by now.
    await this.#fleet.fleet.stop(kept.config.name).catch(() => {});
    await this.#forget(kept);
  }

  /** The plugin has ended for good: its rules, listeners and series go. Its last events come before its end. */
  #forget(kept: Kept): Promise<void> {
    return this.#change(async () => {
      if (this.#find(kept.plugin) === undefined) return;
      const { supervisor, fleet } = this.#fleet;
      const { name } = kept.config;
      try {
        await fleet.remove([name]);
        await supervisor.setPlugins(this.#configs().filter((config) => config.name !== name));
        // What the broker gathered of the plugin stands before its answer.
        await supervisor.connections(name);
      } finally {
        this.#kept.delete(name);
        kept.plugin.finish();
      }
    }).catch(() => {});
  }

  #find(plugin: KeptPlugin): Kept | undefined {
    const kept = this.#kept.get(plugin.name);
    return kept?.plugin === plugin ? kept : undefined;
  }

  /** @throws PosternError `closed`, `unknown_plugin` */
  #require(plugin: KeptPlugin): Kept {
    if (this.#closed !== undefined) throw closed();
    const kept = this.#find(plugin);
    if (kept === undefined) throw gone(plugin.name);
    return kept;
  }

  #configs(): readonly PluginConfig[] {
    return [...this.#kept.values()].map(({ config }) => config);
  }

  async #change(work: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(() => {
      if (this.#closed !== undefined) throw closed();
      return work();
    });
    this.#changes = done.catch(() => {});
    await done;
  }
}

function closed(): PosternError {
  return new PosternError('closed', 'The supervisor is closed');
}

function gone(name: string): PosternError {
  return new PosternError('unknown_plugin', `There is no plugin "${name}"`, {
    fix: 'start it first',
  });
}
