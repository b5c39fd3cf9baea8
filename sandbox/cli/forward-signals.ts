// Forwards signals from a command that runs one plugin in the foreground to that plugin.
import { constants } from 'node:os';
import type { Sandbox } from '../supervisor/start/sandbox.js';
import { isIgnored } from './keep-ignoring.js';

/** SIGTERM is handled separately: it stops the plugin within a bounded time. */
const FORWARDED = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

export interface SignalTarget {
  /** Undefined until the plugin runs. */
  readonly sandbox: () => Sandbox | undefined;
  readonly stop: () => void;
  /** Whether the plugin is in this process's group. The terminal's own signals then reach both. */
  readonly sharesGroup: boolean;
}

/** Passes signals of this process on to the plugin. A signal that comes before the plugin runs is sent as soon as it runs. */
export function forwardSignals({ sandbox, stop, sharesGroup }: SignalTarget): {
  readonly deliver: () => void;
  readonly release: () => void;
} {
  const early: (() => void)[] = [];
  const handlers = new Map<NodeJS.Signals, () => void>();
  const handle = (signal: NodeJS.Signals, act: () => void): void => {
    const handler = (): void => void (sandbox() === undefined ? early.push(act) : act());
    handlers.set(signal, handler);
    process.on(signal, handler);
  };
  // In one process group the terminal signals the plugin itself: this process stays alive and forwards nothing.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    handle(signal, () => void (sharesGroup || sandbox()?.signal(constants.signals[signal])));
  }
  const forward = (signal: NodeJS.Signals) => (): void => void sandbox()?.signal(constants.signals[signal]);
  for (const signal of FORWARDED) handle(signal, forward(signal));
  // The plugin inherits an ignored signal, and may change that itself.
  handle('SIGTERM', isIgnored('SIGTERM') ? forward('SIGTERM') : stop);
  return {
    deliver: () => {
      for (const act of early.splice(0)) act();
    },
    release: () => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
    },
  };
}
