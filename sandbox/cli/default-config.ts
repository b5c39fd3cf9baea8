// The file that a command takes. One that nobody named must be the starter's own: somebody else, for example a plugin, may have put it into the folder.

import { lstatSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_CONFIG } from '../../shared/bundles.js';
import { ConfigError } from '../../shared/config/config-problem.js';

const ROOT = 0;
const FOR_OTHERS = 0o002;

/**
 * @param named the file of the command line, which may be anybody's
 * @throws ConfigError if the default file belongs to neither the starter nor root, or everybody may write it
 */
export function configFile(named: string | undefined): string {
  if (named !== undefined) return named;
  const path = `./${DEFAULT_CONFIG}`;
  const why = distrusted([lstatSync, statSync].flatMap((look) => statsOf(look, path) ?? []));
  if (
    /* protects: G14 a configuration that nobody named is the starter's own (as root) => true */ why ===
    undefined
  )
    return path;
  const name = join(process.cwd(), DEFAULT_CONFIG);
  const message = `"${name}" ${why}, so it is not taken unless it is named`;
  throw new ConfigError([{ file: path, key: '', message, suggestion: 'read it, and then name it' }]);
}

function distrusted(files: readonly Stats[]): string | undefined {
  const stranger = files.find(({ uid }) => uid !== ROOT && uid !== process.geteuid?.());
  if (stranger !== undefined) return `belongs to somebody else (uid ${stranger.uid})`;
  const isOpen = files.some((file) => !file.isSymbolicLink() && (file.mode & FOR_OTHERS) !== 0);
  return isOpen ? 'can be written by everybody' : undefined;
}

function statsOf(look: (path: string) => Stats, path: string): Stats | undefined {
  try {
    return look(path);
  } catch {
    return undefined; // Reading it says why.
  }
}
