// Warnings of `check` about postern's own files in the writable folders of a plugin.
import type { Config } from '../../shared/config/load-config.js';
import { type HostFiles, isWithin } from '../supervisor/files/host-files.js';
import type { CheckWarning } from './check-warning.js';

/** @param ownFiles postern's own files and folders */
export function hostWarnings(
  { plugins, placeOfPath }: Config,
  ownFiles: readonly string[],
  host: HostFiles,
): readonly CheckWarning[] {
  const own = ownFiles
    .flatMap((path) => host.real(path) ?? [])
    .flatMap((path) => [path, ...host.aliases(path)]);
  return plugins.flatMap(({ config: { name, writable, hidden } }) => {
    const masked = hidden.map((path) => host.real(path) ?? path);
    return writable.flatMap((path) => {
      const real = host.real(path) ?? path;
      const file = own.find((one) => isWithin(one, real) && !masked.some((mask) => isWithin(one, mask)));
      if (file === undefined) return [];
      return [
        { plugin: name, place: placeOfPath(name, 'writable', path) ?? '', message: describeOwn(file, path) },
      ];
    });
  });
}

function describeOwn(file: string, path: string): string {
  return `"${file}" is postern's own and lies in "${path}": the plugin finds it read-only there, but may write a file that replaces it while the plugin runs, as many editors do; make a folder writable that holds no file of postern`;
}
