// Whether `postern learn` is meant for a plugin of a running postern, and not for a program that it is to run. Pure.
import { PLUGIN_NAME } from '../../shared/config/plugin-config.js';

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
