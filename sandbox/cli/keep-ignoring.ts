// The supervisor keeps ignoring the signals that were ignored at its start: under nohup(1) it must survive its terminal.
import { constants } from 'node:os';
import { ignoreSignal } from '../../shared/sys/process-control.js';
import { IGNORED_SIGNALS } from '../supervisor/start/ignored-signals.js';

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
