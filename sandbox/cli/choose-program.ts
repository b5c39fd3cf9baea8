// Which program has a command: each loads what its commands need, and no more. Pure.
import type { Bundle } from '../../shared/own-files.js';
import { CONTROL_NAMES } from './control/control-names.js';
import { isLiveLearn } from './is-live-learn.js';

/** @param words of the command line */
export function chooseProgram([command = '', ...words]: readonly string[]): Bundle {
  if (CONTROL_NAMES.includes(command)) return 'postern-control';
  if (command === 'learn' && isLiveLearn(words)) return 'postern-control';
  if (command !== 'run') return 'postern-main';
  // Few runs listen for commands, or read a file of rules. The words of the program itself may look so too: that costs a little time.
  return words.some((word) => /^--(control|rules)(=|$)/.test(word)) ? 'postern-main' : 'postern-run';
}
