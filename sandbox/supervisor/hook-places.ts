// Lists what the program of `ask.hook` is, and from where it may load something, so that no plugin writes there: it runs outside of every sandbox. No
// language is known here, but what all of them do: an interpreter loads its own modules from the prefix that it is installed in, and those of a script from
// the script's folder or below. Node also searches the folders above. Runs in the supervisor, at each check and before each run.
import { dirname, join } from 'node:path';
import { HOOK_PATH, type HookCommand } from '../../shared/config/hook-command.js';
import { hostFiles } from './files/host-files.js';
import { allHomes } from './home/home-directories.js';
import { prefixOf, steps } from './root/command-paths.js';
import { startedFiles } from './root/started-files.js';

export interface HookPlaces {
  /** Its program, its scripts, and the interpreters that they name. */
  readonly files: readonly string[];
  /** Where something could be loaded from; each with all that lies below. */
  readonly folders: readonly string[];
}

export function hookPlaces(hook: HookCommand | undefined): HookPlaces {
  if (hook === undefined) return { files: [], folders: [] };
  const files = hook.files.flatMap((file) =>
    startedFiles({ command: [file], cwd: '/', env: { PATH: HOOK_PATH } }),
  );
  const homes = allHomes();
  const found = files
    .filter((file) => hostFiles.real(file) !== undefined)
    .flatMap((file) => [...steps(file, hostFiles)]);
  // An interpreter that is missing could come.
  const beside = [...files, ...found].map((file) => dirname(file));
  return {
    files,
    folders: [
      // protects: G20 ask: no plugin writes beside the hook's script
      ...beside,
      // protects: G20 ask: no plugin writes the prefix of the hook's interpreter
      ...found.map((file) => prefixOf(file, homes, hostFiles)),
      // protects: G20 ask: no plugin writes a package that the hook's Node finds
      ...beside.flatMap((folder) => modulesAbove(folder)),
      // protects: G20 ask: no plugin writes a folder of the hook's PATH (as root)
      ...HOOK_PATH.split(':'),
    ],
  };
}

function modulesAbove(folder: string): readonly string[] {
  const above = dirname(folder);
  return [join(folder, 'node_modules'), ...(above === folder ? [] : modulesAbove(above))];
}
