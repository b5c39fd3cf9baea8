// Warnings of `check` about a folder that one plugin writes and another one writes or sees. What lies there is no secret between them.
import type { Config, PathList } from '../../shared/config/load-config.js';
import type { HostFiles } from '../supervisor/files/host-files.js';
import { isWithin } from '../supervisor/files/path-within.js';
import type { CheckWarning } from './check-warning.js';

interface Shown {
  readonly plugin: string;
  readonly list: PathList;
  readonly path: string;
  readonly real: string;
}

/** A folder within what another plugin writes is no warning: it is refused (`path_not_apart`). */
export function sharedFolderWarnings(
  { plugins, placeOfPath }: Config,
  host: HostFiles,
): readonly CheckWarning[] {
  const shown = plugins.flatMap(({ config: { name, writable, visible } }) =>
    Object.entries({ writable, visible }).flatMap(([list, paths]) =>
      paths.map(
        (path): Shown => ({ plugin: name, list: list as PathList, path, real: host.real(path) ?? path }),
      ),
    ),
  );
  return shown.flatMap((one, index) => {
    const other = shown.find(
      (another, position) =>
        another.plugin !== one.plugin &&
        (another.list === 'writable' ? position < index || one.list === 'visible' : false) &&
        isWithin(another.real, one.real),
    );
    if (other === undefined) return [];
    return [
      {
        plugin: one.plugin,
        place: placeOfPath(one.plugin, one.list, one.path) ?? '',
        message: describe(one, other),
      },
    ];
  });
}

function describe({ list, path }: Shown, { plugin, path: written }: Shown): string {
  const does = list === 'writable' ? 'write' : 'read';
  const passes =
    list === 'writable' ? 'they can pass each other files there' : 'it can pass this plugin files there';
  const folder = path === written ? `"${path}"` : `"${written}", in "${path}"`;
  return `The plugin "${plugin}" may write ${folder}, which this plugin may ${does}: ${passes}; give each plugin a folder that no other plugin names`;
}
