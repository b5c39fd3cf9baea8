// Finds paths that a plugin could exchange for a later start, rules for sockets that it could replace, and writable paths that are postern's own files.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { OwnFiles } from '../../host/own-files.js';
import { hostFiles } from './host-files.js';
import { listenerProblems } from './listener-problems.js';
import { ownFileProblems } from './own-file-problems.js';
import { type PathProblem, pathProblems, type StartedFiles } from './path-problems.js';
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
  ].map(refused);
}

/**
 * Rules and listeners come into force while plugins that leave still run. All else is used by a start, when they are gone.
 *
 * @returns as {@link apartProblems} does, of the plugins that stay or come
 */
export function leavingProblems(
  plugins: readonly PluginConfig[],
  leaving: readonly PluginConfig[],
  own: OwnFiles,
): readonly StartProblem[] {
  if (leaving.length === 0) return [];
  const left = leaving.flatMap(({ listen }) => listen.map(({ address }) => address));
  // Such an address is bound when they are gone.
  const bound = plugins.map((plugin) => ({
    ...plugin,
    listen: plugin.listen.filter(({ address }) => !left.includes(address)),
  }));
  return [
    ...socketProblems([...plugins, ...leaving], own.sockets ?? [], hostFiles),
    ...listenerProblems([...bound, ...leaving], hostFiles),
  ]
    .filter(({ plugin }) => plugins.some(({ name }) => name === plugin))
    .map((problem) =>
      refused({ ...problem, fix: 'take out the plugin that writes there, and reload, before you add this' }),
    );
}

function refused(problem: PathProblem): StartProblem {
  return { ...problem, code: 'path_not_apart', intro: `Cannot start "${problem.plugin}"` };
}
