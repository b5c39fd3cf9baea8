// Finds the host's bound AF_UNIX sockets among the paths that a plugin would see. A socket with a path crosses network
// namespaces, and a datagram socket does so even through a read-only mount, unix(7).
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { PosternError } from '../../../shared/errors.js';
import type { RootPlan } from './plan-root.js';

/** Paths bound in this network namespace, from the text of /proc/net/unix; abstract names begin with `@` there. */
export function boundPaths(table: string): readonly string[] {
  const paths: string[] = [];
  for (const line of table.split('\n').slice(1)) {
    // Num RefCount Protocol Flags Type St Inode Path
    const path = /^\S+: \S+ \S+ \S+ \S+ \S+ +\d+ (\/.*)$/.exec(line)?.[1];
    if (path !== undefined) paths.push(path);
  }
  return paths;
}

/**
 * @param plan the paths that become visible, links resolved, with their options, and the hidden ones
 * @param own socket files of postern's own listeners, by path, with the names of the listeners
 * @throws PosternError `visible_socket` naming the socket and the option
 */
export function refuseVisibleSockets(
  { sources, hiddenBy }: Pick<RootPlan, 'sources' | 'hiddenBy'>,
  own: ReadonlyMap<string, string> = new Map(),
  table: string = readFileSync('/proc/net/unix', 'latin1'),
): void {
  for (const bound of boundPaths(table)) {
    const source = sources.find(
      ({ path }) => bound === path || bound.startsWith(`${path === '/' ? '' : path}/`),
    );
    if (source === undefined || hiddenBy(bound) !== undefined) continue;
    const listener = own.get(bound);
    if (listener !== undefined) {
      throw new PosternError(
        'visible_socket',
        `The listener "${listener}" on "${bound}" would be visible to the plugin, which inherits it and needs no path`,
        { fix: `it shows by ${source.because}: listen in a folder that no plugin sees, as /run/postern` },
      );
    }
    const advice = source.because.startsWith('--home ')
      ? 'end the program that listens there, or remove the socket'
      : `show a narrower path, hide its folder with --hidden ${dirname(bound)}, or start from another directory`;
    throw new PosternError(
      'visible_socket',
      `The socket "${bound}" of this host would be visible to the plugin`,
      {
        fix: `it shows by ${source.because}: ${advice}`,
      },
    );
  }
}
