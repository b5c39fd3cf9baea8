// The resolvers of plugins with DNS servers of their own. Each set of servers has its own cache: what one set says holds for no other. Runs in
// the broker.
import type { HostsFile } from './hosts-file.js';
import { NameCache } from './name-cache.js';
import { NameServers } from './name-servers.js';
import { NameResolver } from './resolve.js';

/** What a set of servers is asked by. */
export interface ResolverSet {
  readonly servers: readonly string[];
  /** The addresses that questions leave from. */
  readonly from: readonly string[];
}

export class ResolverSets {
  readonly #hosts: HostsFile;
  /** By plugin, with the key of its set. */
  readonly #used = new Map<string, { readonly key: string; readonly names: NameResolver }>();

  constructor(hosts: HostsFile) {
    this.#hosts = hosts;
  }

  /** Plugins with the same set share it, and a set without a plugin is gone. @param set undefined: the plugin has none */
  use(plugin: string, set: ResolverSet | undefined): NameResolver | undefined {
    if (set === undefined) {
      this.#used.delete(plugin);
      return undefined;
    }
    const key = JSON.stringify([set.servers, set.from]);
    const known = [...this.#used.values()].find((one) => one.key === key);
    const names =
      known?.names ??
      new NameResolver(
        this.#hosts,
        new NameCache(new NameServers(set.servers, undefined, undefined, set.from)),
      );
    this.#used.set(plugin, { key, names });
    return names;
  }
}
