// Stops and continues postern with its plugin, as a shell does with a job. Runs in the supervisor.
import { constants } from 'node:os';
import type { TerminalRelay } from './terminal-relay.js';
import { jobMembers } from './user-terminal.js';

const { SIGTSTP } = constants.signals;
/** A stop so soon after Ctrl-Z is what the user asked for. */
const STOP_KEY_MS = 3_000;

/** The plugin's first process. */
interface Stoppable {
  readonly pid: number;
  readonly takeStop: () => number | undefined;
}

export interface TerminalJob {
  /** Call it when the plugin runs. A Ctrl-Z of before stops it now. */
  readonly deliver: (plugin: Stoppable) => void;
  /** Call it after the plugin's end. */
  readonly release: () => void;
}

/**
 * Call it before the start: the plugin runs a moment before its start is over, and Ctrl-Z must not stop postern alone then.
 *
 * Stops this process when the plugin stops at the user's wish, and lets `fg` and `bg` continue both. A plugin in the background or in a
 * pipeline that stops by itself stops nothing else. Nor does one whose postern has other programs in its job, as a script's shell: after
 * Ctrl-Z these stop too, as they would at the terminal itself.
 */
export function joinJob(relay: TerminalRelay | undefined): TerminalJob {
  // Only a terminal stops and continues jobs. Without one, the supervisor does not stop with the plugin.
  if (relay === undefined) return { deliver: () => {}, release: () => {} };
  let sandbox: Stoppable | undefined;
  const toGroup = (signal: NodeJS.Signals): void => {
    if (sandbox === undefined) return;
    try {
      process.kill(-sandbox.pid, signal);
    } catch {
      // The plugin has ended meanwhile.
    }
  };
  /** Whether Ctrl-Z was pressed in a pipeline. */
  let asked = false;
  /** Whether the plugin has stopped alone. */
  let left = false;
  const onContinue = (): void => {
    asked = false;
    left = false;
    relay.takeAgain();
    toGroup('SIGCONT');
  };
  let stopKeyAt = Number.NEGATIVE_INFINITY;
  const stop = (withGroup: boolean): void => {
    asked = false;
    relay.giveBack();
    if (withGroup) stopGroup();
    else process.kill(process.pid, 'SIGSTOP');
    // The stop is over by now. SIGCONT need not be reported: another Ctrl-Z discards it, signal(7).
    onContinue();
  };
  /**
   * One call stops all programs of the job, this one too. If it stopped after the others, a shell that sees those stopped could continue the
   * job in between, and this process would then stay stopped.
   */
  const stopGroup = (): void => {
    process.off('SIGTSTP', onStop);
    process.kill(0, 'SIGTSTP');
    process.on('SIGTSTP', onStop);
  };
  const hasOthers = (): boolean => {
    const { ancestors, others } = jobMembers();
    return ancestors.length + others.length > 0;
  };
  const onChild = (): void => {
    if (sandbox?.takeStop() === undefined) return;
    // protects: G18 a plugin that stops itself stops postern only in the foreground
    if (!asked && !relay.isAlone) {
      left = true;
      return;
    }
    // In a pipeline the user's terminal has stopped them.
    const withGroup = !asked && hasOthers();
    if (withGroup && performance.now() - stopKeyAt > STOP_KEY_MS) left = true;
    else stop(withGroup);
  };
  relay.whenStopKey(() => {
    stopKeyAt = performance.now();
    if (left && relay.isAlone) stop(hasOthers());
  });
  // In a pipeline Ctrl-Z comes here first.
  const onStop = (): void => {
    asked = true;
    if (sandbox === undefined) return;
    if (!relay.signal(SIGTSTP)) toGroup('SIGTSTP');
    // A plugin that has stopped already reports no further stop.
    if (left) stop(false);
  };
  relay.whenTaken(() => {
    if (left) onContinue();
  });
  process.on('SIGCHLD', onChild);
  process.on('SIGCONT', onContinue);
  process.on('SIGTSTP', onStop);
  return {
    deliver: (plugin) => {
      sandbox = plugin;
      // protects: G18 a Ctrl-Z while the plugin starts stops it too
      if (asked) onStop();
      // It may have stopped itself by now.
      onChild();
    },
    release: () => {
      process.off('SIGCHLD', onChild);
      process.off('SIGCONT', onContinue);
      process.off('SIGTSTP', onStop);
    },
  };
}
