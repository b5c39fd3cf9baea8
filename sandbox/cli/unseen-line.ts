// The terminal line that names files a failed program may have missed, and the option that shows them.
import { printable } from '../../shared/printable.js';
import type { Unseen } from '../supervisor/unseen/unseen-files.js';

/** @param show words for these paths, for example `show it with --visible /srv/app` */
export function unseenLine(
  { message, paths, besides, instead }: Unseen,
  show: (paths: readonly string[]) => string,
): string {
  const ways = [
    ...(paths.length > 0 ? [[show(paths), ...(besides === undefined ? [] : [besides])].join(' and ')] : []),
    ...(instead === undefined ? [] : [instead]),
  ];
  return printable(`${message}; if the program needs that, ${ways.join(', or ')}`);
}
