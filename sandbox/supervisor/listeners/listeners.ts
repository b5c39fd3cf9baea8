// The listeners of all plugins. The supervisor keeps them from its start to its end.
import { dirname } from 'node:path';
import { readListenAddress } from '../../../shared/config/listen-address.js';
import type { ListenConfig, PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { hostFiles } from '../files/host-files.js';
import { leadsThrough } from '../files/places-passed.js';
import { type Written, withoutPluginLinks } from '../files/plugin-links.js';
import type { HeldListeners } from './held-listeners.js';
import { Listener } from './listener.js';

interface KeptListener {
  /** As it is configured. */
  readonly address: string;
  readonly listener: Listener;
}

/** Bound, but no plugin has them yet. */
export interface PreparedListeners {
  /** Puts them in the place of the former ones. */
  readonly putInForce: () => void;
  readonly close: () => void;
}

export class Listeners {
  readonly #notice: (text: string) => void;
  readonly #written: () => readonly Written[];
  readonly #held: HeldListeners | undefined;
  readonly #kept = new Map<string, readonly KeptListener[]>();

  /**
   * @param notice takes a line for each port that the kernel picked, and for each listener that was bound anew
   * @param written what plugins may write
   * @param held what the service manager holds
   */
  constructor(notice: (text: string) => void, written: () => readonly Written[], held?: HeldListeners) {
    this.#notice = notice;
    this.#written = written;
    this.#held = held;
  }

  /**
   * Readies a plugin's listeners for its start: binds those that are missing, and repairs the others.
   *
   * @returns the listeners, in the order in which the plugin inherits them
   * @throws PosternError `listen_address`; listeners that were not bound before are not bound
   */
  ready({ name, listen }: Pick<PluginConfig, 'name' | 'listen'>): readonly Listener[] {
    const former = this.#of(name);
    this.#prepare([{ name, listen }], [], () => true).putInForce();
    for (const { listener } of this.#of(name).filter((kept) => former.includes(kept))) {
      const fault = listener.renew();
      if (fault === undefined) continue;
      this.#notice(
        `${name}: the listener "${listener.name}" on ${listener.address} ${fault}; it is bound anew, and the clients in its queue were cut off`,
      );
    }
    return this.#of(name).map(({ listener }) => listener);
  }

  /**
   * Binds what plugins will have and do not have yet. An address that another plugin leaves is bound at the start of the one that gets it: no
   * socket goes from one plugin to another. So is an address in a folder that a plugin may write, which could change it while it runs, and whatever
   * it did there fails its own start alone.
   *
   * @param leaving plugins that will be closed before the new listeners are put in force
   * @throws PosternError `listen_address`; then none of them is bound
   */
  prepare(
    plugins: readonly Pick<PluginConfig, 'name' | 'listen'>[],
    leaving: readonly string[] = [],
  ): PreparedListeners {
    const folders = this.#written().map(({ real }) => real);
    const isApart = (address: string): boolean =>
      !(address.startsWith('/') && leadsThrough(dirname(address), folders, hostFiles));
    return this.#prepare(plugins, leaving, (address) =>
      /* protects: G8 the folder of a listener that a plugin has spoilt fails its start alone => true */ isApart(
        address,
      ),
    );
  }

  #prepare(
    plugins: readonly Pick<PluginConfig, 'name' | 'listen'>[],
    leaving: readonly string[],
    isBound: (address: string) => boolean,
  ): PreparedListeners {
    const left = leaving.flatMap((name) => this.#of(name));
    const bound = new Map<ListenConfig, Listener>();
    const close = (): void => {
      for (const listener of bound.values()) listener.close();
    };
    try {
      for (const { name, listen } of plugins) {
        const had = [...this.#of(name), ...left];
        for (const entry of listen)
          if (take(had, entry) === undefined && isBound(entry.address))
            bound.set(entry, this.#bindOne(name, entry));
      }
    } catch (error) {
      close();
      throw error;
    }
    const putInForce = (): void => {
      for (const plugin of plugins) this.#put(plugin, bound);
    };
    return { putInForce, close };
  }

  /** A bound listener by its name. */
  named(plugin: string, name: string): Listener | undefined {
    return this.#of(plugin).find(({ listener }) => listener.name === name)?.listener;
  }

  /** Closes the listeners of a plugin that does not start again: its clients are refused at once, instead of waiting. */
  close(plugin: string): void {
    for (const { listener } of this.#of(plugin)) listener.close();
    this.#kept.delete(plugin);
  }

  closeAll(): void {
    for (const plugin of [...this.#kept.keys()]) this.close(plugin);
  }

  #of(plugin: string): readonly KeptListener[] {
    return this.#kept.get(plugin) ?? [];
  }

  /** Those whose address stays the same stay bound, with the clients in their queues. */
  #put(
    { name, listen }: Pick<PluginConfig, 'name' | 'listen'>,
    bound: ReadonlyMap<ListenConfig, Listener>,
  ): void {
    const former = [...this.#of(name)];
    const next = listen.flatMap((entry): readonly KeptListener[] => {
      const listener = bound.get(entry);
      const kept = listener === undefined ? take(former, entry) : { address: entry.address, listener };
      if (kept === undefined) return [];
      kept.listener.name = entry.name;
      return [kept];
    });
    for (const { listener } of former) listener.close();
    this.#kept.set(name, next);
  }

  #bindOne(plugin: string, { name, address, place }: ListenConfig): Listener {
    const read = readListenAddress(address);
    if (!read.ok) throw new PosternError('listen_address', read.message);
    try {
      const listener = new Listener(
        name,
        read.address,
        /* protects: G14 a listener through a link of a plugin is refused (as root) => hostFiles */ withoutPluginLinks(
          hostFiles,
          this.#written(),
        ),
        (held) => this.#held?.duplicateFor(held),
      );
      if (read.address.kind === 'tcp' && read.address.port === 0)
        this.#notice(`${plugin}: the listener "${name}" is on ${listener.address}`);
      return listener;
    } catch (error) {
      if (place === undefined || !(error instanceof PosternError)) throw error;
      const { code, message, fix, fields } = error;
      throw new PosternError(code, `${place}: ${message}`, { fix, fields, cause: error });
    }
  }
}

/** Several have one address where the kernel picks their ports. */
function take(from: KeptListener[], { address }: ListenConfig): KeptListener | undefined {
  const index = from.findIndex((kept) => kept.address === address);
  return index < 0 ? undefined : from.splice(index, 1)[0];
}
