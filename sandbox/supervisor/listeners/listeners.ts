// The listeners of all plugins. The supervisor keeps them from its start to its end.
import { readListenAddress } from '../../../shared/config/listen-address.js';
import type { ListenConfig, PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { hostFiles } from '../files/host-files.js';
import { type Written, withoutPluginLinks } from '../files/plugin-links.js';
import { Listener } from './listener.js';

interface Kept {
  /** As it is configured. */
  readonly address: string;
  readonly listener: Listener;
}

export class Listeners {
  readonly #notice: (text: string) => void;
  readonly #written: () => readonly Written[];
  readonly #kept = new Map<string, readonly Kept[]>();

  /**
   * @param notice takes a line for each port that the kernel picked, and for each listener that was bound anew
   * @param written what plugins may write
   */
  constructor(notice: (text: string) => void, written: () => readonly Written[]) {
    this.#notice = notice;
    this.#written = written;
  }

  /**
   * Prepares a plugin's listeners for its start: binds them, or repairs bound ones.
   *
   * @returns the listeners, in the order in which the plugin inherits them
   * @throws PosternError `listen_address`; listeners that were not bound before are not bound
   */
  ready({ name, listen }: PluginConfig): readonly Listener[] {
    const kept = this.#kept.get(name);
    if (kept === undefined) return this.change({ name, listen });
    const listeners = kept.map(({ listener }) => listener);
    for (const listener of listeners) {
      const fault = listener.renew();
      if (fault === undefined) continue;
      this.#notice(
        `${name}: the listener "${listener.name}" on ${listener.address} ${fault}; it is bound anew, and the clients in its queue were cut off`,
      );
    }
    return listeners;
  }

  /**
   * Puts a plugin's listeners in place of its former ones. Those whose address stays the same stay bound, with the clients in their queues.
   *
   * @returns the listeners, in the order in which the plugin inherits them
   * @throws PosternError `listen_address`; then the former ones stay, and no other is bound
   */
  change({ name, listen }: Pick<PluginConfig, 'name' | 'listen'>): readonly Listener[] {
    const former = this.#kept.get(name) ?? [];
    const bound: Listener[] = [];
    try {
      const next = listen.map((entry): Kept => {
        const same = former.find(({ address }) => address === entry.address);
        if (same !== undefined) return same;
        const listener = this.#bindOne(name, entry);
        bound.push(listener);
        return { address: entry.address, listener };
      });
      for (const [index, { listener }] of next.entries()) listener.name = listen[index]?.name ?? '';
      for (const kept of former) if (!next.includes(kept)) kept.listener.close();
      this.#kept.set(name, next);
      return next.map(({ listener }) => listener);
    } catch (error) {
      for (const listener of bound) listener.close();
      throw error;
    }
  }

  /** A bound listener by its name. */
  named(plugin: string, name: string): Listener | undefined {
    return this.#kept.get(plugin)?.find(({ listener }) => listener.name === name)?.listener;
  }

  /** Closes the listeners of a plugin that does not start again: its clients are refused at once, instead of waiting. */
  close(plugin: string): void {
    for (const { listener } of this.#kept.get(plugin) ?? []) listener.close();
    this.#kept.delete(plugin);
  }

  closeAll(): void {
    for (const plugin of [...this.#kept.keys()]) this.close(plugin);
  }

  #bindOne(plugin: string, { name, address, place }: ListenConfig): Listener {
    const read = readListenAddress(address);
    if (!read.ok) throw new PosternError('listen_address', read.message);
    try {
      const listener = new Listener(name, read.address, withoutPluginLinks(hostFiles, this.#written()));
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
