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
  /** Passes a signal of the user's terminal on to the plugin's terminal. @returns false if it is for the plugin's first process */
  readonly toTerminal: (signal: number) => boolean;
}

/** Passes signals of this process on to the plugin. A signal that comes before the plugin runs is sent as soon as it runs. */
export function forwardSignals({ sandbox, stop, toTerminal }: SignalTarget): {
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
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    const number = constants.signals[signal];
    handle(signal, () => void (toTerminal(number) || sandbox()?.signal(number)));
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
