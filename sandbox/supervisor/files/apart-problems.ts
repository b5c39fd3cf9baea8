// Finds paths that a plugin could exchange for a later start, rules for sockets that it could replace, and writable paths that are postern's own files.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { OwnFiles } from '../../host/own-files.js';
import { hostFiles } from './host-files.js';
import { listenerProblems } from './listener-problems.js';
import { ownFileProblems } from './own-file-problems.js';
import { pathProblems, type StartedFiles } from './path-problems.js';
import { socketProblems } from './socket-problems.js';
import type { StartProblem } from './start-problem.js';

/** @param own postern's own files and folders @returns problems with the code `path_not_apart` */
export function apartProblems(
  plugins: readonly PluginConfig[],
  own: OwnFiles,
  startedFiles: StartedFiles<PluginConfig>,
): readonly StartProblem[] {
  return [
    ...pathProblems(plugins, hostFiles, startedFiles),
    ...socketProblems(plugins, own.sockets ?? [], hostFiles),
    ...listenerProblems(plugins, hostFiles),
    // protects: G14 check: a writable path that is postern's own is refused
    ...ownFileProblems(plugins, own, hostFiles),
  ].map((problem) => ({ ...problem, code: 'path_not_apart', intro: `Cannot start "${problem.plugin}"` }));
}
