// All plugins of a supervisor, each with its keeper. A plugin is started after the plugins that it names in `after`, and stopped before them. An
// operator starts and stops single ones. What is asked for one plugin is a task: tasks are carried out one after the other, and each looks when
// its turn comes whether the plugin is still there. Otherwise it would start one that nobody lists or stops any more.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import type { StartCause } from '../../../shared/words.js';
import { PluginKeeper, type PluginStarter, type PluginState, type PluginWatcher } from './plugin-keeper.js';

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
  /** Resolves when its last task is carried out. */
  work: Promise<void>;
  /** How many of its tasks start it. Plugins that come after it wait for the run that comes then. */
  starting: number;
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
  constructor(starter: PluginStarter, watcher: PluginWatcher, onGone: (name: string) => void) {
    this.#starter = starter;
    this.#watcher = watcher;
    this.#onGone = onGone;
  }

  /** In the order in which the plugins were added. `waitsFor`: while it waits, the plugins that it comes after and that are not ready. */
  get states(): readonly (PluginState & { readonly waitsFor: readonly string[] })[] {
    return [...this.#members.values()].map(({ after, keeper: { state } }) => ({
      ...state,
      waitsFor: state.state === 'waiting' ? after.filter((name) => this.#isAwaited(name)) : [],
    }));
  }

  /** What a plugin starts with next time; undefined if there is no such plugin. */
  configOf(name: string): PluginConfig | undefined {
    return this.#members.get(name)?.keeper.config;
  }

  /** Adds plugins, and starts each after those that it names. Once all are stopped, none is added. */
  add(plugins: readonly FleetPlugin[], cause: StartCause): void {
    if (this.#stopping !== undefined) return;
    const members = plugins.map(({ config, after }): Member => {
      const keeper = this.#keeperOf(config, cause);
      const member = { after, keeper, good: undefined, work: Promise.resolve(), starting: 0 };
      this.#members.set(config.name, member);
      return member;
    });
    for (const member of members) this.#begin(member);
    this.#look();
  }

  /** Replaces what the keeper of a running plugin knows: its restart policy, and what it starts with next time. */
  reconfigure({ config, after }: FleetPlugin): void {
    const member = this.#member(config.name);
    member.keeper.reconfigure(config);
    member.after = after;
  }

  /** Stops plugins and forgets them. The fleet does not end by that: others may be added in their place. */
  remove(names: readonly string[]): Promise<void> {
    return this.#inOrder(
      names.filter((name) => this.#members.has(name)),
      (name, later) =>
        this.#inTurn(name, async (member) => {
          await later;
          await member.keeper.stop();
          this.#members.delete(name);
        }),
    );
  }

  /** Starts a plugin that does not run. @throws PosternError `unknown_plugin` */
  start(name: string): Promise<void> {
    return this.#startInTurn(name, async (member) => {
      if (member.keeper.state.state !== 'stopped' && member.good === undefined) return;
      this.#startAnew(member, 'operator');
    });
  }

  /** Stops a plugin until it is started again. @throws PosternError `unknown_plugin` */
  stop(name: string): Promise<void> {
    return this.#inTurn(name, async (member) => {
      member.good = undefined;
      await member.keeper.stop();
      this.#starter.rest(member.keeper.config);
    });
  }

  /** Stops a plugin, and starts it at once. @throws PosternError `unknown_plugin` */
  restart(name: string): Promise<void> {
    return this.#startInTurn(name, async (member) => {
      await member.keeper.stop();
      this.#startAnew(member, 'operator');
    });
  }

  /**
   * Ends plugins that get another configuration. Tasks that come meanwhile wait, and so do plugins that come after them.
   *
   * @returns when their runs have ended: what starts them again. One that the operator has stopped stays so
   */
  async suspend(names: readonly string[]): Promise<() => void> {
    let start = (): void => {};
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    await this.#inOrder(
      names,
      (name, later) =>
        new Promise((ended, failed) => {
          this.#startInTurn(name, async (member) => {
            const isStopped = member.keeper.state.state === 'stopped';
            await later;
            if (!isStopped) await member.keeper.stop();
            ended();
            await started;
            if (!isStopped) this.#startAnew(member, 'reload');
          }).catch(failed);
        }),
    );
    return start;
  }

  /** Stops all plugins, in the reverse order of their starts. */
  stopAll(): Promise<void> {
    this.#stopping ??= this.#inOrder([...this.#members.keys()], async (name, later) => {
      await later;
      await this.#members.get(name)?.keeper.stop();
    }).then(() => this.#finish([...this.#members.values()].every(({ good }) => good !== false)));
    return this.#stopping;
  }

  /**
   * Gives a task for each of the plugins, all at once.
   *
   * @param task its `later` resolves when the tasks for those that come after the plugin are carried out
   */
  async #inOrder(
    names: readonly string[],
    task: (name: string, later: Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    const tasks = new Map<string, Promise<void>>();
    const give = (name: string): Promise<void> => {
      const later = names.filter((other) => this.#members.get(other)?.after.includes(name));
      const done = tasks.get(name) ?? task(name, Promise.allSettled(later.map(give)));
      tasks.set(name, done);
      return done;
    };
    await Promise.all(names.map(give));
  }

  #keeperOf(config: PluginConfig, cause: StartCause): PluginKeeper {
    return new PluginKeeper(config, this.#starter, this.#watcher, cause);
  }

  #startAnew(member: Member, cause: StartCause): void {
    if (this.#stopping !== undefined) return;
    member.keeper = this.#keeperOf(member.keeper.config, cause);
    member.good = undefined;
    this.#begin(member);
  }

  #begin(member: Member): void {
    const { after, keeper } = member;
    void Promise.all(after.map((other) => this.#awaitOther(other)))
      .then(() => keeper.run())
      .then((good) => {
        if (member.keeper !== keeper || keeper.isStopping) return;
        member.good = good;
        this.#onGone(keeper.config.name);
        this.#look();
      });
  }

  #isAwaited(name: string): boolean {
    const member = this.#members.get(name);
    return member !== undefined && (member.starting > 0 || !member.keeper.isSettled);
  }

  /** Waits for a plugin that starts, or that a task is about to start. */
  async #awaitOther(name: string): Promise<void> {
    for (;;) {
      const member = this.#members.get(name);
      if (member === undefined) return;
      if (member.starting > 0) {
        await member.work;
        continue;
      }
      const { keeper } = member;
      await keeper.settled();
      // A task may have come meanwhile.
      if (member.keeper === keeper && member.starting === 0) return;
    }
  }

  /** The fleet ends when each plugin has ended for good. */
  #look(): void {
    const members = [...this.#members.values()];
    if (members.some(({ good, starting }) => good === undefined || starting > 0)) return;
    this.#finish(members.every(({ good }) => good === true));
  }

  async #startInTurn(name: string, work: (member: Member) => Promise<void>): Promise<void> {
    const member = this.#member(name);
    member.starting += 1;
    await this.#inTurn(name, async () => {
      try {
        await work(member);
      } finally {
        member.starting -= 1;
      }
    });
  }

  async #inTurn(name: string, work: (member: Member) => Promise<void>): Promise<void> {
    const member = this.#member(name);
    const done = member.work.then(() => {
      // protects: G21 a task that waited starts no plugin that is gone
      if (this.#members.get(name) !== member) throw this.#unknown(name);
      return work(member);
    });
    member.work = done.catch(() => {});
    await done;
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw this.#unknown(name);
    return member;
  }

  #unknown(name: string): PosternError {
    return new PosternError('unknown_plugin', `There is no plugin "${name}"`, {
      fix: `name one of ${[...this.#members.keys()].join(', ')}`,
    });
  }
}
