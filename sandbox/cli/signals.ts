// Signals that postern gets and passes on to the program, or ignores as its parent did.

import { constants } from 'node:os';
import { ignoreSignal } from '../../shared/sys/process-control.js';
import { IGNORED_SIGNALS } from '../supervisor/start/ignored-signals.js';
import type { Sandbox } from '../supervisor/start/sandbox.js';

// Forwards signals from a command that runs one plugin in the foreground to that plugin.

/** SIGTERM is handled separately: it stops the plugin within a bounded time. */
const FORWARDED = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

/** What would end a program that does not take it, and is meant to. */
const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM'];

interface SignalTarget {
  /** Undefined until the plugin runs. */
  readonly sandbox: () => Sandbox | undefined;
  readonly stop: () => void;
  /** Ends a start that may take long. */
  readonly endStart: (signal: number) => void;
  /** Passes a signal of the user's terminal on to the plugin's terminal. @returns false if it is for the plugin's first process */
  readonly toTerminal: (signal: number) => boolean;
}

/** Passes signals of this process on to the plugin. One that comes before the plugin runs ends the start, or is sent as soon as the plugin runs. */
export function forwardSignals({ sandbox, stop, endStart, toTerminal }: SignalTarget): {
  readonly deliver: () => void;
  readonly release: () => void;
} {
  const early: (() => void)[] = [];
  const handlers = new Map<NodeJS.Signals, () => void>();
  const handle = (signal: NodeJS.Signals, act: () => void): void => {
    const handler = (): void => {
      if (sandbox() !== undefined) {
        act();
        return;
      }
      // A program that runs all the same, since its start was too far, gets it.
      early.push(act);
      if (ENDING.includes(signal) && !isIgnored(signal)) endStart(constants.signals[signal]);
    };
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

// The supervisor keeps ignoring the signals that were ignored at its start: under nohup(1) it must survive its terminal.

/** Node uses the first to hear of its children, and ignores the others already. */
const OF_NODE: readonly string[] = ['SIGCHLD', 'SIGPIPE', 'SIGXFSZ'];

/** Node resets its signals to the default action when it ends, so a signal that it knows gets a listener instead of SIG_IGN. */
export function keepIgnoring(): void {
  const names = new Map<number, string>(
    Object.entries(constants.signals).map(([name, number]) => [number, name]),
  );
  for (const number of IGNORED_SIGNALS) {
    const name = names.get(number);
    if (name === undefined) ignoreSignal(number);
    else if (!OF_NODE.includes(name)) process.on(name as NodeJS.Signals, () => {});
  }
}

export function isIgnored(signal: NodeJS.Signals): boolean {
  return IGNORED_SIGNALS.includes(constants.signals[signal]);
}
