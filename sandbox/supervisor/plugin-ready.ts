// Finds out when a plugin is ready, as its configuration says. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { awaitAccept } from './listeners/await-accept.js';
import type { Listener } from './listeners/listener.js';

/**
 * @param ended resolves with the end of the run
 * @param listener finds a bound listener of the plugin
 * @returns resolves when the plugin is ready, and never if it ends before
 */
export async function pluginReady(
  { ready }: Pick<PluginConfig, 'ready'>,
  ended: Promise<unknown>,
  listener: (name: string) => Listener | undefined,
): Promise<void> {
  if (ready === undefined) return;
  const over = new AbortController();
  void ended.then(() => over.abort());
  if (ready.by === 'after') await pause(ready.milliseconds, over.signal);
  else {
    const bound = listener(ready.name);
    if (bound !== undefined) await awaitAccept(bound, over.signal);
  }
  if (over.signal.aborted) await new Promise<never>(() => {});
}

function pause(milliseconds: number, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    over.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
