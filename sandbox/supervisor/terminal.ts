// Shares the terminal with the plugin, as a shell does with a job. The plugin's process group is in the foreground: Ctrl-C and
// Ctrl-Z reach the plugin once, and the supervisor not at all.
import { constants } from 'node:os';
import {
  foregroundGroup,
  ignoreSignal,
  processGroup,
  setForegroundGroup,
} from '../../shared/sys/process-control.js';
import type { Sandbox } from './start/sandbox.js';

const { SIGTTOU } = constants.signals;

export interface TerminalJob {
  /** Call it after the plugin's end. */
  readonly release: () => void;
}

/**
 * The standard stream that is the controlling terminal whose foreground the plugin takes; -1 for none.
 *
 * The plugin takes it where both input and output are the terminal. Otherwise another program of a pipeline, such as a pager,
 * may read the terminal. The plugin then stays in this process's group, as the programs of a pipeline do.
 */
export function controllingTerminal(terminals: readonly number[]): number {
  return terminals.includes(0) && terminals.includes(1) && foregroundGroup(0) === processGroup() ? 0 : -1;
}

/** Stops this process when the plugin stops, and lets `fg` continue both. */
export function shareTerminal(terminal: number, sandbox: Sandbox): TerminalJob {
  // Only a terminal stops and continues jobs. Without one, the supervisor does not stop with the plugin.
  if (terminal < 0) return { release: () => {} };
  // Otherwise a background process that sets the foreground is stopped itself, tcsetpgrp(3).
  ignoreSignal(SIGTTOU);
  const toPlugin = (): void => {
    setForegroundGroup(terminal, sandbox.pid);
  };
  const toUs = (): void => {
    setForegroundGroup(terminal, processGroup());
  };
  const onContinue = (): void => {
    if (foregroundGroup(terminal) === processGroup()) toPlugin();
    try {
      process.kill(-sandbox.pid, 'SIGCONT');
    } catch {
      // The plugin has ended meanwhile.
    }
  };
  const onChild = (): void => {
    if (sandbox.takeStop() === undefined) return;
    toUs();
    process.kill(process.pid, 'SIGSTOP');
    // The stop is over by now. SIGCONT need not be reported: another Ctrl-Z discards it, signal(7).
    onContinue();
  };
  process.on('SIGCHLD', onChild);
  process.on('SIGCONT', onContinue);
  // The plugin runs already, and may have stopped before anything listened for that.
  onChild();
  return {
    release: () => {
      process.off('SIGCHLD', onChild);
      process.off('SIGCONT', onContinue);
      toUs();
    },
  };
}
