// Chooses the program that carries out a command line, before the large ones are loaded: each loads what its commands need, and no more.
// Pure.

import type { Bundle } from '../../shared/bundles.js';
import { PLUGIN_NAME } from '../../shared/config/plugin-config.js';
import { commandRow } from './command-table.js';

/** @param words of the command line */
export function chooseProgram([command = '', ...words]: readonly string[]): Bundle {
  if (commandRow(command)?.operates === true) return 'postern-control';
  if (command === 'learn' && isLiveLearn(words)) return 'postern-control';
  if (command === 'ui') return 'postern-ui';
  if (command !== 'run') return 'postern-main';
  // Few runs listen for commands, or read a file of rules, of a gateway or of settings. The words of the program itself may look so too: that costs a little time.
  return words.some((word) => /^--(control|rules|gateway|srt-settings)(=|$)/.test(word))
    ? 'postern-main'
    : 'before-run';
}

// Whether `postern learn` is meant for a plugin of a running postern, and not for a program that it is to run. Pure.

const WITH_VALUE = ['--control', '--config', '--seconds', '--output'];
const WITHOUT = ['--json', '--allowed', '--help', '-h'];

/** @param words behind `learn`. A program stands behind `--`, or has arguments or options of `run` beside it */
export function isLiveLearn(words: readonly string[]): boolean {
  const names: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (WITH_VALUE.includes(word)) at += 1;
    else if (word.startsWith('-')) {
      if (!WITHOUT.includes(word) && !WITH_VALUE.some((option) => word.startsWith(`${option}=`)))
        return false;
    } else names.push(word);
  }
  return names.length === 1 && PLUGIN_NAME.test(names[0] ?? '');
}
