// The plugins that are not started again, since brokers died of their requests: every plugin would go on waiting for a new broker. Runs in the
// supervisor.
import { PosternError } from '../../shared/errors.js';

export class ParkedPlugins {
  readonly #names = new Set<string>();

  add(plugin: string): void {
    this.#names.add(plugin);
  }

  /** The plugin is gone. A later one with its name is another. */
  forget(plugin: string): void {
    this.#names.delete(plugin);
  }

  /** @throws PosternError `plugin_parked` if the plugin is one */
  refuse(plugin: string): void {
    if (!this.#names.has(plugin)) return;
    throw new PosternError('plugin_parked', `"${plugin}" is parked: the broker died of its requests`, {
      fix: 'report its program as a defect of postern; it is started again with the supervisor',
    });
  }
}
