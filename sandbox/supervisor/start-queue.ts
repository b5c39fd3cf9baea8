// The plugins that wait for their start. Runs in the supervisor. A start takes processes, and far more descriptors than the running plugin,
// so only a few start at the same time.
import PQueue from 'p-queue';
import { PosternError } from '../../shared/errors.js';
import { STARTS_AT_ONCE } from '../../shared/limits.js';

export class StartQueue {
  readonly #queue = new PQueue({ concurrency: STARTS_AT_ONCE });
  readonly #waiting = new Map<string, AbortController>();

  /**
   * Runs a start when its turn comes, in the order of the calls.
   *
   * @param ready the start waits for it before its turn
   * @throws PosternError `launch_failed` if the plugin is stopped while it waits
   */
  async add<T>(plugin: string, start: () => Promise<T>, ready?: Promise<void>): Promise<T> {
    const waiting = new AbortController();
    this.#waiting.set(plugin, waiting);
    const begin = (): Promise<T> => {
      this.#waiting.delete(plugin);
      return start();
    };
    if (ready !== undefined) await Promise.race([ready, aborted(waiting.signal)]);
    return this.#queue.add(begin, { signal: waiting.signal });
  }

  /** Takes a plugin out that still waits. A start under way goes on. */
  cancel(plugin: string): void {
    const waiting = this.#waiting.get(plugin);
    this.#waiting.delete(plugin);
    waiting?.abort(new PosternError('launch_failed', `"${plugin}" was stopped before its start`));
  }

  cancelAll(): void {
    for (const plugin of [...this.#waiting.keys()]) this.cancel(plugin);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
