// Loads a configuration file and checks the homes and paths that it names against the host's folders.
import { ConfigError } from '../../shared/config/config-problem.js';
import { type Config, loadConfig } from '../../shared/config/load-config.js';
import { hostFiles } from '../supervisor/files/host-files.js';
import { pathProblems } from '../supervisor/files/path-problems.js';
import { socketProblems } from '../supervisor/files/socket-problems.js';
import { allHomes } from '../supervisor/home/home-directories.js';
import { homeProblems } from '../supervisor/home/home-problems.js';
import { startedFiles } from '../supervisor/root/started-files.js';

/** @throws ConfigError as {@link loadConfig} does */
export function loadChecked(path: string): Config {
  const config = loadConfig(path);
  const plugins = config.plugins.map((plugin) => plugin.config);
  const problems = homeProblems(plugins, allHomes(), hostFiles);
  const paths = [...pathProblems(plugins, hostFiles, startedFiles), ...socketProblems(plugins, hostFiles)];
  if (problems.length + paths.length === 0) return config;
  throw new ConfigError([
    ...problems.map(({ plugin, message, fix }) => config.problem(['plugins', plugin, 'home'], message, fix)),
    ...paths.map(({ plugin, key, message, fix }) =>
      config.problem(['plugins', plugin, ...key], message, fix),
    ),
  ]);
}
