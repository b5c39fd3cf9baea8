// Refuses paths that a plugin could exchange for a later start, rules for sockets that it could replace, and writable paths that are postern's own files.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import type { OwnFiles } from '../../host/own-files.js';
import { hostFiles } from './host-files.js';
import { listenerProblems } from './listener-problems.js';
import { ownFileProblems } from './own-file-problems.js';
import { pathProblems, type StartedFiles } from './path-problems.js';
import { socketProblems } from './socket-problems.js';

/**
 * @param own postern's own files and folders
 * @throws PosternError `path_not_apart`
 */
export function requireApart(
  plugins: readonly PluginConfig[],
  own: OwnFiles,
  startedFiles: StartedFiles<PluginConfig>,
): void {
  const [problem] = [
    ...pathProblems(plugins, hostFiles, startedFiles),
    ...socketProblems(plugins, hostFiles),
    ...listenerProblems(plugins, hostFiles),
    ...ownFileProblems(plugins, own, hostFiles),
  ];
  if (problem !== undefined)
    throw new PosternError('path_not_apart', `Cannot start "${problem.plugin}": ${problem.message}`, {
      fix: problem.fix,
    });
}
