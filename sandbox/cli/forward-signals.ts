// Signals to a command that runs one plugin in the foreground: they are the plugin's.
import { constants } from 'node:os';
import type { Sandbox } from '../supervisor/start/sandbox.js';
import { isIgnored } from './keep-ignoring.js';

/** SIGTERM is apart: it stops the plugin in bounded time. */
const FORWARDED = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

export interface SignalTarget {
  /** Undefined until the plugin runs. */
  readonly sandbox: () => Sandbox | undefined;
  readonly stop: () => void;
  /** Whether the plugin is in this process's group: the terminal's own signals then reach both. */
  readonly sharesGroup: boolean;
}

/** Signals to this process reach the plugin; those that come before it runs, as soon as it does. */
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
  // In one process group the terminal's own signals reach both; they keep this process alive and go no further.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    handle(signal, () => void (sharesGroup || sandbox()?.signal(constants.signals[signal])));
  }
  const forward = (signal: NodeJS.Signals) => (): void => void sandbox()?.signal(constants.signals[signal]);
  for (const signal of FORWARDED) handle(signal, forward(signal));
  // Where it was ignored at the start, the plugin ignores it too, unless it decides otherwise.
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
