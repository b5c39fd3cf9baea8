// Loads a configuration file and checks the homes and paths that it names against the host's folders.
import { ConfigError } from '../../shared/config/config-problem.js';
import { type Config, loadConfig } from '../../shared/config/load-config.js';
import { type OwnFiles, ownProgramFiles } from '../host/own-files.js';
import { hostFiles } from '../supervisor/files/host-files.js';
import { listenerProblems } from '../supervisor/files/listener-problems.js';
import { ownFileProblems } from '../supervisor/files/own-file-problems.js';
import { pathProblems } from '../supervisor/files/path-problems.js';
import { socketProblems } from '../supervisor/files/socket-problems.js';
import { allHomes } from '../supervisor/home/home-directories.js';
import { homeProblems } from '../supervisor/home/home-problems.js';
import { isRefusedLink } from '../supervisor/record/audit-place.js';
import { startedFiles } from '../supervisor/root/started-files.js';

/** The code, the configuration and the audit file. */
export function ownFilesOf(config: Config): OwnFiles {
  const { files, searched } = ownProgramFiles();
  return { files: [...files, ...config.files, ...auditFiles(config)], searched };
}

function auditFiles({ audit }: Config): readonly string[] {
  return audit === 'stderr' || audit === 'stdout' ? [] : [audit];
}

/** @throws ConfigError as {@link loadConfig} does */
export function loadChecked(path: string): Config {
  const config = loadConfig(path);
  const plugins = config.plugins.map((plugin) => plugin.config);
  const problems = homeProblems(plugins, allHomes(), hostFiles);
  const paths = [
    ...pathProblems(plugins, hostFiles, startedFiles),
    ...socketProblems(plugins, hostFiles),
    ...listenerProblems(plugins, hostFiles),
    ...ownFileProblems(plugins, ownFilesOf(config), hostFiles),
  ];
  const link = auditFiles(config).filter(isRefusedLink);
  if (problems.length + paths.length + link.length === 0) return config;
  throw new ConfigError([
    ...link.map((path) =>
      config.problem(
        config.placeOf(['audit', 'to']) === undefined ? ['audit'] : ['audit', 'to'],
        `"${path}" is a link, and would not be opened`,
        'name the file that it leads to',
      ),
    ),
    ...problems.map(({ plugin, message, fix }) => config.problem(['plugins', plugin, 'home'], message, fix)),
    ...paths.map(({ plugin, key, message, fix }) =>
      config.problem(['plugins', plugin, ...key], message, fix),
    ),
  ]);
}
