// Finds rules for UNIX sockets whose paths lead through a folder that a plugin may write, where it could put another socket or a link to one. And
// rules for a control socket: a plugin that reaches it commands postern. Pure.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { parseRule } from '../../../shared/policy/parse-rule.js';
import { allPlaces } from './all-places.js';
import type { HostFiles } from './host-files.js';
import type { PathProblem } from './path-problems.js';
import { isWithin } from './path-within.js';
import { placesPassed } from './places-passed.js';
import { writtenFolders } from './plugin-links.js';

type PluginSockets = Pick<PluginConfig, 'name' | 'allow' | 'writable' | 'hidden' | 'home'>;

/** @param own control sockets and folders of such @returns at most one problem for each rule */
export function socketProblems(
  plugins: readonly PluginSockets[],
  own: readonly string[],
  host: HostFiles,
): readonly PathProblem[] {
  const real = (path: string): string => host.real(path) ?? path;
  const written = plugins.flatMap((plugin) =>
    writtenFolders([plugin], host).map((one) => ({ ...one, hidden: plugin.hidden.map(real) })),
  );
  let found: readonly string[] | undefined;
  // Most plugins have no rule for a socket, and each question about aliases reads the mounts.
  const control = (): readonly string[] => {
    found ??= own.flatMap((path) => [path, real(path), ...host.aliases(real(path))]);
    return found;
  };
  return plugins.flatMap(({ name, allow }) =>
    allow.flatMap((rule): readonly PathProblem[] => {
      const target = parseRule(rule, 'allow')?.target;
      if (target?.kind !== 'socket') return [];
      const end = placesPassed(target.path, host).at(-1) ?? '/';
      const places = allPlaces(target.path, host);
      // protects: G21 control: no rule leads to the control socket
      if (places.some((place) => control().some((one) => isWithin(place, one))))
        return [
          {
            plugin: name,
            key: ['allow'],
            message: `the rule "${rule}" leads to a control socket of postern: a plugin must not command postern`,
            fix: 'leave the rule out',
          },
        ];
      const through = written.find(({ real: folder, hidden }) => {
        const inside = places.filter((place) => isWithin(place, folder));
        // Below a hidden path the plugin writes nothing, except in a writable one there, and the folders above it are pinned.
        const masked = hidden.some(
          (one) =>
            isWithin(end, one) &&
            /* protects: G14 a socket in a writable folder within a hidden one counts as the plugin's */ isWithin(
              one,
              folder,
            ),
        );
        return masked
          ? inside.some((place) => host.kind(place) === 'link')
          : /* protects: G14 a rule for a socket that a plugin could replace is refused (as root) => false */ inside.length >
              0;
      });
      if (through === undefined) return [];
      const who = through.writer === name ? 'the plugin' : `the plugin "${through.writer}"`;
      return [
        {
          plugin: name,
          key: ['allow'],
          message: `the rule "${rule}" leads through "${through.path}", which ${who} may write: it could put another socket there`,
          fix: 'keep the socket in a folder that no plugin writes, or hide its folder',
        },
      ];
    }),
  );
}
