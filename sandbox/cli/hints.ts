// What a newcomer may have stumbled over, as lines at the end of a run: a read-only folder, a home directory that does not show, a /tmp that is
// gone. Runs in the supervisor. Each is a guess, so it comes after every refusal and failure, and only where something speaks for it: what the program
// wrote, or wrote not. That is known at a terminal alone. Elsewhere the output does not go through postern, and a script may read stderr.

import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { quote } from '../../shared/policy/quote.js';
import { shellWord } from '../host/shell-word.js';
import { type HostFiles, isWithin } from '../supervisor/files/host-files.js';
import { mayShow } from '../supervisor/root/command-paths.js';

/** The sandbox's own. */
const GONE = ['/tmp', '/var/tmp'];

export interface EndedRun {
  readonly config: Pick<PluginConfig, 'command' | 'cwd' | 'visible' | 'writable' | 'home'>;
  readonly status: number;
  /** Where postern was started. */
  readonly here: string;
  /** The home directories of this host. */
  readonly homes: readonly string[];
  /** Whether something was told already that may be the cause. */
  readonly isExplained: boolean;
  /** What the program wrote to its terminal. */
  readonly heard: { readonly anything: boolean; readonly readOnly: boolean };
}

export function hintsOf(run: EndedRun, host: HostFiles): readonly string[] {
  return [readOnly(run, host), emptyHome(run, host), ...vanished(run, host)].filter(
    (hint) => hint !== undefined,
  );
}

function readOnly({ config, status, here, homes, heard }: EndedRun, host: HostFiles): string | undefined {
  if (status === 0 || !heard.readOnly) return undefined;
  const { cwd, writable } = config;
  if (!mayShow(cwd, homes, host) || writable.some((folder) => isWithin(cwd, folder)))
    return 'the program sees files of this host read-only; to let it write to a folder: --writable PATH';
  return `the program sees ${quote(cwd)} read-only; to let it write here: --writable ${shellWord(cwd === here ? '.' : cwd)}`;
}

function emptyHome(
  { config, status, homes, isExplained, heard }: EndedRun,
  host: HostFiles,
): string | undefined {
  const { cwd, visible, writable } = config;
  const isAsked = [...visible, ...writable].some((path) => isWithin(cwd, path));
  const foundNothing = status === 0 && !heard.anything;
  if (isExplained || isAsked || mayShow(cwd, homes, host) || !(status !== 0 || foundNothing))
    return undefined;
  return `${quote(cwd)} is a home directory or above one, so the program saw none of its files, and began in /tmp; start it from a folder below, or show this one: --visible ${shellWord(cwd)}`;
}

/** Files that the command names in a folder of the sandbox, and that it has made there. */
function vanished({ config, status }: EndedRun, host: HostFiles): readonly string[] {
  const { command, visible, writable, home = [] } = config;
  if (status !== 0) return [];
  const shown = [visible, writable, home].flat();
  const path = command
    .slice(1)
    .find(
      (word) =>
        GONE.some((folder) => word !== folder && isWithin(word, folder)) &&
        !shown.some((folder) => isWithin(word, folder)) &&
        host.kind(word) === 'absent',
    );
  if (path === undefined) return [];
  return [
    `${quote(path)} was in a /tmp of the program's own, which is gone; to keep what it writes, name a folder of this host: --writable PATH`,
  ];
}
