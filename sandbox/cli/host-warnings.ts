// Warnings of `check` about what lies on this host in the folders of a plugin: postern's own files, and sockets of the host's programs.
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config, PathList } from '../../shared/config/load-config.js';
import type { HostFiles } from '../supervisor/files/host-files.js';
import { isWithin } from '../supervisor/files/path-within.js';
import { boundPaths } from '../supervisor/root/visible-sockets.js';
import type { CheckWarning } from './check-warning.js';

interface Named {
  readonly list: PathList;
  readonly path: string;
  readonly real: string;
}

/**
 * @param ownFiles postern's own files and folders
 * @param bound the paths of sockets that programs of this host have bound
 */
export function hostWarnings(
  { plugins, placeOfPath }: Config,
  ownFiles: readonly string[],
  host: HostFiles,
  bound: readonly string[] = boundSockets(),
): readonly CheckWarning[] {
  const own = ownFiles.flatMap((path) => host.real(path) ?? []);
  return plugins.flatMap(({ config: { name, visible, writable, hidden } }) => {
    const masked = hidden.map((path) => host.real(path) ?? path);
    const named = (list: PathList, paths: readonly string[]): readonly Named[] =>
      paths.map((path) => ({ list, path, real: host.real(path) ?? path }));
    return [...named('visible', visible), ...named('writable', writable)].flatMap(({ list, path, real }) => {
      const warn = (message: string): CheckWarning => ({
        plugin: name,
        place: placeOfPath(name, list, path) ?? '',
        message,
      });
      const shows = (file: string): boolean =>
        isWithin(file, real) && !masked.some((one) => isWithin(file, one));
      const socket = bound.find(shows);
      const file = list === 'writable' ? own.find(shows) : undefined;
      return [
        ...(socket === undefined ? [] : [warn(describeSocket(socket, path))]),
        ...(file === undefined ? [] : [warn(describeOwn(file, path))]),
      ];
    });
  });
}

function boundSockets(): readonly string[] {
  const table = '/proc/net/unix';
  return existsSync(table) ? boundPaths(readFileSync(table, 'latin1')) : [];
}

function describeSocket(socket: string, path: string): string {
  return `A program of this host listens on "${socket}", which lies in "${path}": no plugin starts that sees it; show a narrower path, or hide "${dirname(socket)}"`;
}

function describeOwn(file: string, path: string): string {
  return `"${file}" is postern's own and lies in "${path}": the plugin finds it read-only there, but make a folder writable that holds no file of postern`;
}
