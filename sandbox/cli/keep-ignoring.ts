// The supervisor ignores what was ignored when it was started: nohup(1) must survive the end of a terminal.
import { constants } from 'node:os';
import { ignoreSignal } from '../../shared/sys/process-control.js';
import { IGNORED_SIGNALS } from '../supervisor/start/ignored-signals.js';

/** Node's own: it learns of its children by the first, and ignores the others already. */
const OF_NODE: readonly string[] = ['SIGCHLD', 'SIGPIPE', 'SIGXFSZ'];

/** A listener and not SIG_IGN where Node knows the signal: its end would be the default action otherwise. */
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
