// All plugins of a configuration. A plugin is started after the plugins that it names in `after`, and stopped before them.
import type { PluginKeeper } from './plugin-keeper.js';

export interface GroupMember {
  readonly keeper: PluginKeeper;
  /** Names of members, without cycles. */
  readonly after: readonly string[];
}

export class PluginGroup {
  readonly #members: ReadonlyMap<string, GroupMember>;
  readonly #onGone: (name: string) => void;
  readonly #stops = new Map<string, Promise<void>>();

  /** @param onGone called for each member that has ended for good */
  constructor(members: readonly GroupMember[], onGone: (name: string) => void = () => {}) {
    this.#onGone = onGone;
    this.#members = new Map(members.map((member) => [member.keeper.config.name, member]));
  }

  /** Runs the members until the last one has ended for good. @returns whether all of them ended well */
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

  /** Stops all plugins, in the reverse order of their starts. */
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
