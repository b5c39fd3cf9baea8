// Finds writable paths that are postern's own files, or lie in a folder of its own: a plugin would change what the next start runs. Pure.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { HostFiles } from './host-files.js';
import type { PathProblem } from './path-problems.js';
import { isWithin } from './path-within.js';

/** @param ownFiles postern's own files and folders */
export function ownFileProblems(
  plugins: readonly Pick<PluginConfig, 'name' | 'writable'>[],
  ownFiles: readonly string[],
  host: HostFiles,
): readonly PathProblem[] {
  const own = ownFiles.flatMap((path) => host.real(path) ?? []);
  return plugins.flatMap(({ name, writable }) =>
    writable.flatMap((path): readonly PathProblem[] => {
      const real = host.real(path) ?? path;
      const file = own.find((one) => isWithin(real, one));
      if (file === undefined) return [];
      const where = file === real ? 'is' : `lies in "${file}", which is`;
      return [
        {
          plugin: name,
          key: ['filesystem', 'writable'],
          message: `"${path}" ${where} postern's own, and the plugin would write it`,
          fix: 'name another path, or keep the file of postern elsewhere',
        },
      ];
    }),
  );
}
