// The plugins that a supervisor keeps, checked together. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { Cgroups } from './cgroup/cgroups.js';
import { changePlugins, type PluginParts } from './change-plugins.js';
import { ParkedPlugins } from './parked-plugins.js';
import { requireStartable, type Startable } from './require-startable.js';
import type { SupervisorOptions } from './supervisor-options.js';

export class PluginList {
  readonly parked: ParkedPlugins = new ParkedPlugins();
  readonly #options: Pick<SupervisorOptions, 'audit' | 'ownFiles' | 'control'>;
  readonly #cgroups: Pick<Cgroups, 'claim'>;
  #all: readonly PluginConfig[];
  #startable: Startable | undefined;

  constructor(options: SupervisorOptions, cgroups: Pick<Cgroups, 'claim'>) {
    this.#options = options;
    this.#cgroups = cgroups;
    this.#all = options.plugins;
  }

  get all(): readonly PluginConfig[] {
    return this.#all;
  }

  /** What a start needs to know of all of them; undefined before the first check. */
  get startable(): Startable | undefined {
    return this.#startable;
  }

  /** Checks the first plugins. @throws PosternError as {@link requireStartable} does, `no_cgroup` */
  check(): Startable {
    this.#startable = this.#require(this.#all, undefined);
    return this.#startable;
  }

  /**
   * Puts other plugins in their place.
   *
   * @throws PosternError as {@link check} and {@link changePlugins} do, with the former plugins in force
   */
  async change(
    parts: PluginParts,
    plugins: readonly PluginConfig[],
    ownFiles: readonly string[] | undefined,
  ): Promise<void> {
    const startable = this.#require(plugins, ownFiles);
    await changePlugins(parts, this.#all, plugins);
    for (const { name } of this.#all)
      if (!plugins.some((plugin) => plugin.name === name)) this.parked.forget(name);
    this.#all = plugins;
    this.#startable = startable;
  }

  #require(plugins: readonly PluginConfig[], ownFiles: readonly string[] | undefined): Startable {
    const { audit, control } = this.#options;
    const startable = requireStartable(plugins, audit, ownFiles ?? this.#options.ownFiles, control);
    this.#cgroups.claim(plugins);
    return startable;
  }
}
