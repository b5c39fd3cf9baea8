// All plugins of a configuration: each is started after those that it names, and stopped before them.
import type { PluginKeeper } from './plugin-keeper.js';

export interface GroupMember {
  readonly keeper: PluginKeeper;
  /** Names of members. Free of circles. */
  readonly after: readonly string[];
}

export class PluginGroup {
  readonly #members: ReadonlyMap<string, GroupMember>;
  readonly #onGone: (name: string) => void;
  readonly #stops = new Map<string, Promise<void>>();

  /** @param onGone told of each member that has ended for good */
  constructor(members: readonly GroupMember[], onGone: (name: string) => void = () => {}) {
    this.#onGone = onGone;
    this.#members = new Map(members.map((member) => [member.keeper.config.name, member]));
  }

  /** Runs them until the last has ended for good. @returns whether each ended well */
  async run(): Promise<boolean> {
    const ends = await Promise.all(
      [...this.#members.values()].map(async ({ keeper, after }) => {
        await Promise.all(after.map((name) => this.#members.get(name)?.keeper.settled));
        const good = await keeper.run();
        this.#onGone(keeper.config.name);
        return good;
      }),
    );
    return ends.every((good) => good);
  }

  /** Stops every plugin, those that were started later first. */
  async stop(): Promise<void> {
    await Promise.all([...this.#members.keys()].map((name) => this.#stop(name)));
  }

  #stop(name: string): Promise<void> {
    const known = this.#stops.get(name);
    if (known !== undefined) return known;
    const later = [...this.#members].filter(([, { after }]) => after.includes(name)).map(([other]) => other);
    const stop = Promise.all(later.map((other) => this.#stop(other))).then(() =>
      this.#members.get(name)?.keeper.stop(),
    );
    this.#stops.set(name, stop);
    return stop;
  }
}
