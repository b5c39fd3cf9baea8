// The listeners of all plugins. The supervisor keeps them from its start to its end.
import { readListenAddress } from '../../../shared/config/listen-address.js';
import type { ListenConfig, PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { Listener } from './listener.js';

export class Listeners {
  readonly #notice: (text: string) => void;
  readonly #kept = new Map<string, readonly Listener[]>();

  /** @param notice takes a line for each port that the kernel picked, and for each listener that was bound anew */
  constructor(notice: (text: string) => void) {
    this.#notice = notice;
  }

  /**
   * Prepares a plugin's listeners for its start: binds them, or repairs bound ones.
   *
   * @returns the listeners, in the order in which the plugin inherits them
   * @throws PosternError `listen_address`; listeners that were not bound before are not bound
   */
  ready({ name, listen }: PluginConfig): readonly Listener[] {
    const kept = this.#kept.get(name);
    if (kept === undefined) return this.#bind(name, listen);
    for (const listener of kept) {
      const fault = listener.renew();
      if (fault === undefined) continue;
      this.#notice(
        `${name}: the listener "${listener.name}" on ${listener.address} ${fault}; it is bound anew, and the clients in its queue were cut off`,
      );
    }
    return kept;
  }

  /** Closes the listeners of a plugin that does not start again: its clients are refused at once, instead of waiting. */
  close(plugin: string): void {
    for (const listener of this.#kept.get(plugin) ?? []) listener.close();
    this.#kept.delete(plugin);
  }

  closeAll(): void {
    for (const plugin of [...this.#kept.keys()]) this.close(plugin);
  }

  #bind(plugin: string, listen: PluginConfig['listen']): readonly Listener[] {
    const bound: Listener[] = [];
    // Each one is kept at once, so that a failure closes those before it.
    this.#kept.set(plugin, bound);
    try {
      for (const entry of listen) bound.push(this.#bindOne(plugin, entry));
      return bound;
    } catch (error) {
      this.close(plugin);
      throw error;
    }
  }

  #bindOne(plugin: string, { name, address, place }: ListenConfig): Listener {
    const read = readListenAddress(address);
    if (!read.ok) throw new PosternError('listen_address', read.message);
    try {
      const listener = new Listener(name, read.address);
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
