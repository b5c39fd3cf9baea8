// Finds out when a plugin is ready, as its configuration says. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { awaitAccept, type Listener } from './listeners/listener.js';

/** A run of a plugin. */
export interface ReadyRun {
  /** Resolves with its end. */
  readonly ended: Promise<unknown>;
  /** What the plugin says by its notify socket, if it has one. */
  readonly notices?: { readonly ready: Promise<void> } | undefined;
}

/**
 * @param listener finds a bound listener of the plugin
 * @param onLate called if the plugin is not ready in time. It ends the run
 * @returns resolves when the plugin is ready, and never if it ends before
 */
export async function pluginReady(
  { ready }: Pick<PluginConfig, 'ready'>,
  run: ReadyRun,
  listener: (name: string) => Listener | undefined,
  onLate: (seconds: number) => void,
): Promise<void> {
  if (ready === undefined) return;
  const over = new AbortController();
  void run.ended.then(() => over.abort());
  if (ready.by === 'after') await pause(ready.milliseconds, over.signal);
  else {
    const { timeoutS } = ready;
    const timer =
      /* protects: G8 notify: a plugin that is not ready in time is ended => undefined */ setTimeout(
        () => onLate(timeoutS),
        timeoutS * 1000,
      );
    over.signal.addEventListener('abort', () => clearTimeout(timer));
    await (ready.by === 'notify' ? said(run, over.signal) : accepts(listener(ready.name), over.signal));
    clearTimeout(timer);
  }
  if (over.signal.aborted) await new Promise<never>(() => {});
}

/** A run that began before a reload asked for it has no notify socket, and counts as ready. */
async function said({ notices }: ReadyRun, over: AbortSignal): Promise<void> {
  if (notices === undefined) return;
  await Promise.race([
    notices.ready,
    new Promise<void>((resolve) => over.addEventListener('abort', () => resolve(), { once: true })),
  ]);
}

async function accepts(listener: Listener | undefined, over: AbortSignal): Promise<void> {
  if (listener !== undefined) await awaitAccept(listener, over);
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
