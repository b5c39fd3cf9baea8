// What a program that failed may have missed, as a line for the terminal, with what shows it.
import { printable } from '../../shared/printable.js';
import type { Unseen } from '../supervisor/unseen/unseen-files.js';

/** @param show words that show these paths, as `show it with --visible /srv/app` */
export function unseenLine(
  { message, paths, besides, instead }: Unseen,
  show: (paths: readonly string[]) => string,
): string {
  const ways = [
    ...(paths.length > 0 ? [[show(paths), ...(besides === undefined ? [] : [besides])].join(' and ')] : []),
    ...(instead === undefined ? [] : [instead]),
  ];
  return printable(`${message}; if that is what it misses, ${ways.join(', or ')}`);
}
