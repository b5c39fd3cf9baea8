// Checks the host and the configuration before anything starts. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { ownProgramFiles } from '../host/own-files.js';
import { ownPrivileges, type Privileges } from '../host/privileges.js';
import { requireLinux } from '../host/require-linux.js';
import { requireCounting } from './broker/connections-keeper.js';
import { hostFiles } from './files/host-files.js';
import { requireApart } from './files/require-apart.js';
import { readyHomes } from './home/kept-home.js';
import { requireRules } from './require-rules.js';
import { startedFiles } from './root/started-files.js';

/** What every start of a plugin needs to know. */
export interface Startable {
  readonly privileges: Privileges;
  /** The kept homes of all plugins, by paths without links. */
  readonly keptHomes: readonly string[];
  /** The folders and files that plugins may write, by paths without links. */
  readonly written: readonly string[];
  /** postern's own files and folders: no plugin writes them. */
  readonly ownFiles: readonly string[];
}

/**
 * @param audit `stderr`, `stdout` or a path
 * @param ownFiles files that postern has read
 * @throws PosternError `bad_rules`, `old_kernel`, `missing_capabilities`, `bad_home`, `path_not_apart`, `no_sock_diag`
 */
export function requireStartable(
  plugins: readonly PluginConfig[],
  audit: string | undefined,
  ownFiles: readonly string[] = [],
): Startable {
  requireLinux();
  const privileges = ownPrivileges();
  for (const plugin of plugins) requireRules(plugin);
  requireCounting(plugins);
  const keptHomes = readyHomes(plugins);
  const written = [...plugins.flatMap(({ writable }) => writable.map(realPath)), ...keptHomes];
  const log = audit === undefined || audit === 'stderr' || audit === 'stdout' ? [] : [audit];
  const program = ownProgramFiles();
  const own = { ...program, files: [...program.files, ...ownFiles, ...log] };
  requireApart(plugins, own, startedFiles);
  return { privileges, keptHomes, written, ownFiles: own.files };
}

function realPath(path: string): string {
  return hostFiles.real(path) ?? path;
}
