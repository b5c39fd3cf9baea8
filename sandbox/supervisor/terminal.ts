// The terminal between supervisor and plugin, as a shell shares it with a job: the plugin's process group is in the
// foreground, so that Ctrl-C and Ctrl-Z reach it once and the supervisor not at all.
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
  /** To be called once the plugin has ended. */
  readonly release: () => void;
}

/**
 * Which of the standard streams is the controlling terminal whose foreground the plugin takes; -1 for none.
 *
 * It takes it where both input and output are the terminal. Otherwise another program of a pipeline may read it, such as
 * a pager, and the plugin stays in this process's group, as the pipeline's programs do.
 */
export function controllingTerminal(terminals: readonly number[]): number {
  return terminals.includes(0) && terminals.includes(1) && foregroundGroup(0) === processGroup() ? 0 : -1;
}

/** Lets a stop of the plugin stop this process too, and `fg` continue both. */
export function shareTerminal(terminal: number, sandbox: Sandbox): TerminalJob {
  // A stop is the terminal's to make and to end; without one the supervisor goes on whatever the plugin does.
  if (terminal < 0) return { release: () => {} };
  // Without this, a process in the background that sets the foreground is stopped itself, tcsetpgrp(3).
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
      // It has ended meanwhile.
    }
  };
  const onChild = (): void => {
    if (sandbox.takeStop() === undefined) return;
    toUs();
    process.kill(process.pid, 'SIGSTOP');
    // It is over by now. That SIGCONT is told of is not certain: another Ctrl-Z takes it back, signal(7).
    onContinue();
  };
  process.on('SIGCHLD', onChild);
  process.on('SIGCONT', onContinue);
  // It runs already, and may have been stopped before anything listened for that.
  onChild();
  return {
    release: () => {
      process.off('SIGCHLD', onChild);
      process.off('SIGCONT', onContinue);
      toUs();
    },
  };
}
