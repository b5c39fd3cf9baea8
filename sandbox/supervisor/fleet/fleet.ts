// All plugins of a supervisor, each with its keeper. A plugin is started after the plugins that it names in `after`, and stopped before them. An
// operator starts and stops single ones.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import type { StartCause } from '../../../shared/reasons.js';
import { PluginKeeper, type PluginStarter, type PluginWatcher } from './plugin-keeper.js';
import type { PluginState } from './plugin-state.js';

export interface FleetPlugin {
  readonly config: PluginConfig;
  /** Names of plugins of the fleet, without cycles. */
  readonly after: readonly string[];
}

interface Member {
  after: readonly string[];
  keeper: PluginKeeper;
  /** Whether it has ended for good, and whether well. Undefined: it may run, or be started by the operator. */
  good: boolean | undefined;
  /** The operator's commands for it, one after the other. */
  work: Promise<void>;
}

export class Fleet {
  readonly #starter: PluginStarter;
  readonly #watcher: PluginWatcher;
  readonly #onGone: (name: string) => void;
  readonly #members = new Map<string, Member>();
  #finish: (good: boolean) => void = () => {};
  /** Resolves when the last plugin has ended for good: whether all of them ended well. One that the operator stopped has not. */
  readonly ended: Promise<boolean> = new Promise((resolve) => {
    this.#finish = resolve;
  });
  #stopping: Promise<void> | undefined;

  /** @param onGone called for each plugin that has ended for good */
  constructor(starter: PluginStarter, watcher: PluginWatcher, onGone: (name: string) => void = () => {}) {
    this.#starter = starter;
    this.#watcher = watcher;
    this.#onGone = onGone;
  }

  /** In the order in which the plugins were added. */
  get states(): readonly PluginState[] {
    return [...this.#members.values()].map(({ keeper }) => keeper.state);
  }

  /** What a plugin starts with next time; undefined if there is no such plugin. */
  configOf(name: string): PluginConfig | undefined {
    return this.#members.get(name)?.keeper.config;
  }

  /** Adds plugins, and starts each after those that it names. Once all are stopped, none is added. */
  add(plugins: readonly FleetPlugin[], cause: StartCause): void {
    if (this.#stopping !== undefined) return;
    for (const { config, after } of plugins) {
      const keeper = this.#keeperOf(config, cause);
      this.#members.set(config.name, { after, keeper, good: undefined, work: Promise.resolve() });
    }
    for (const { config } of plugins) this.#begin(config.name);
  }

  /** Replaces what the keeper of a running plugin knows: its restart policy, and what it starts with next time. */
  reconfigure({ config, after }: FleetPlugin): void {
    const member = this.#member(config.name);
    member.keeper.reconfigure(config);
    member.after = after;
  }

  /** Stops a plugin and forgets it. */
  async remove(name: string): Promise<void> {
    await this.#inTurn(name, (member) => member.keeper.stop());
    this.#members.delete(name);
    this.#look();
  }

  /** Starts a plugin that does not run. @throws PosternError `unknown_plugin` */
  start(name: string): Promise<void> {
    return this.#inTurn(name, async (member) => {
      if (member.keeper.state.state !== 'stopped' && member.good === undefined) return;
      this.#startAnew(name, member, 'operator');
    });
  }

  /** Stops a plugin until it is started again. @throws PosternError `unknown_plugin` */
  stop(name: string): Promise<void> {
    return this.#inTurn(name, async (member) => {
      member.good = undefined;
      await member.keeper.stop();
    });
  }

  /** Stops a plugin, and starts it at once. @throws PosternError `unknown_plugin` */
  restart(name: string): Promise<void> {
    return this.#inTurn(name, async (member) => {
      await member.keeper.stop();
      this.#startAnew(name, member, 'operator');
    });
  }

  /** Starts a plugin with its new configuration. One that the operator has stopped stays so. */
  reload(name: string): Promise<void> {
    return this.#inTurn(name, async (member) => {
      if (member.keeper.state.state === 'stopped') return;
      await member.keeper.stop();
      this.#startAnew(name, member, 'reload');
    });
  }

  /** Stops all plugins, in the reverse order of their starts. */
  stopAll(): Promise<void> {
    this.#stopping ??= this.#stopInOrder();
    return this.#stopping;
  }

  async #stopInOrder(): Promise<void> {
    const stops = new Map<string, Promise<void>>();
    const stop = (name: string): Promise<void> => {
      const known = stops.get(name);
      if (known !== undefined) return known;
      const later = [...this.#members]
        .filter(([, { after }]) => after.includes(name))
        .map(([other]) => other);
      const done = Promise.all(later.map(stop)).then(() => this.#members.get(name)?.keeper.stop());
      stops.set(name, done);
      return done;
    };
    await Promise.all([...this.#members.keys()].map(stop));
    this.#finish([...this.#members.values()].every(({ good }) => good !== false));
  }

  #keeperOf(config: PluginConfig, cause: StartCause): PluginKeeper {
    return new PluginKeeper(config, this.#starter, this.#watcher, cause);
  }

  #startAnew(name: string, member: Member, cause: StartCause): void {
    if (this.#stopping !== undefined) return;
    member.keeper = this.#keeperOf(member.keeper.config, cause);
    member.good = undefined;
    this.#begin(name);
  }

  #begin(name: string): void {
    const { after, keeper } = this.#member(name);
    const before = after.map((other) => this.#members.get(other)?.keeper.settled);
    void Promise.all(before)
      .then(() => keeper.run())
      .then((good) => {
        const member = this.#members.get(name);
        if (member?.keeper !== keeper || keeper.isStopping) return;
        member.good = good;
        this.#onGone(name);
        this.#look();
      });
  }

  /** The fleet ends when each plugin has ended for good. */
  #look(): void {
    const ends = [...this.#members.values()].map(({ good }) => good);
    if (ends.every((good) => good !== undefined)) this.#finish(ends.every((good) => good === true));
  }

  async #inTurn(name: string, work: (member: Member) => Promise<void>): Promise<void> {
    const member = this.#member(name);
    const done = member.work.then(() => work(member));
    member.work = done.catch(() => {});
    await done;
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member !== undefined) return member;
    throw new PosternError('unknown_plugin', `There is no plugin "${name}"`, {
      fix: `name one of ${[...this.#members.keys()].join(', ')}`,
    });
  }
}
