// The plugins that a supervisor keeps, checked together. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { Cgroups } from './cgroup/cgroups.js';
import { changePlugins, type PluginParts } from './change-plugins.js';
import { hostFiles } from './files/host-files.js';
import type { Written } from './files/plugin-links.js';
import { ParkedPlugins } from './parked-plugins.js';
import { requireStartable, type Startable } from './require-startable.js';
import type { OwnOptions } from './start-problems.js';
import type { SupervisorOptions } from './supervisor-options.js';

export class PluginList {
  readonly parked: ParkedPlugins = new ParkedPlugins();
  readonly #options: OwnOptions;
  readonly #cgroups: Pick<Cgroups, 'claim'>;
  #all: readonly PluginConfig[];
  #startable: Startable | undefined;
  #written: readonly Written[] = [];

  constructor(options: SupervisorOptions, cgroups: Pick<Cgroups, 'claim'>) {
    this.#options = options;
    this.#cgroups = cgroups;
    this.#all = options.plugins;
  }

  get all(): readonly PluginConfig[] {
    return this.#all;
  }

  /** What they may write, and what plugins could write before a change. */
  get written(): readonly Written[] {
    return this.#written;
  }

  /** What a start needs to know of all of them; undefined before the first check. */
  get startable(): Startable | undefined {
    return this.#startable;
  }

  /** Checks the first plugins. @throws PosternError as {@link requireStartable} does, `no_cgroup` */
  check(): Startable {
    this.#startable = this.#require(this.#all);
    return this.#startable;
  }

  /**
   * Puts other plugins in their place.
   *
   * @param endOthers ends those that are left out. They count until it resolves
   * @throws PosternError as {@link check} and {@link changePlugins} do, with the former plugins in force
   */
  async change(
    parts: PluginParts,
    plugins: readonly PluginConfig[],
    ownFiles: readonly string[] | undefined,
    endOthers: () => Promise<void>,
  ): Promise<void> {
    const leaving = this.#all.filter(({ name }) => !plugins.some((plugin) => plugin.name === name));
    const startable = this.#require(plugins, ownFiles, leaving);
    await changePlugins(parts, this.#all, plugins, async () => {
      this.#all = [...plugins, ...leaving];
      this.#startable = startable;
      await endOthers();
    });
    for (const { name } of leaving) this.parked.forget(name);
    this.#all = plugins;
  }

  #require(
    plugins: readonly PluginConfig[],
    ownFiles: readonly string[] | undefined = this.#options.ownFiles,
    leaving: readonly PluginConfig[] = [],
  ): Startable {
    const startable = requireStartable(plugins, { ...this.#options, ownFiles }, leaving);
    this.#cgroups.claim(plugins);
    this.#written = [
      ...startable.written,
      /* protects: G14 what a plugin left in a folder that it could write before a reload is not followed */ ...formerOf(
        this.#written,
        startable.written,
      ),
    ];
    return { ...startable, written: this.#written };
  }
}

/** Each folder once. One that is gone holds nothing any more: an application may give each of many plugins a new folder. */
function formerOf(before: readonly Written[], now: readonly Written[]): readonly Written[] {
  const former = new Map(before.map((one) => [one.real, { ...one, isFormer: true }]));
  for (const { real } of now) former.delete(real);
  return [...former.values()].filter(({ real }) => hostFiles.kind(real) !== 'absent');
}
