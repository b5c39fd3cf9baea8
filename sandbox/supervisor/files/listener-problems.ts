// Finds sockets that postern would make through a link of a plugin: the link could lead to any folder of the host. Pure.
import { dirname } from 'node:path';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { HostFiles } from './host-files.js';
import type { PathProblem } from './path-problems.js';
import { isWithin } from './path-within.js';
import { placesPassed } from './places-passed.js';

type PluginListeners = Pick<PluginConfig, 'name' | 'listen' | 'writable' | 'home'>;

/** @returns at most one problem for each listener */
export function listenerProblems(
  plugins: readonly PluginListeners[],
  host: HostFiles,
): readonly PathProblem[] {
  const written = plugins.flatMap(({ name, writable, home }) =>
    [...writable, ...(home === undefined ? [] : [home])].map((path) => ({
      writer: name,
      path,
      real: host.real(path) ?? path,
    })),
  );
  return plugins.flatMap(({ name, listen }) =>
    listen.flatMap(({ address }): readonly PathProblem[] => {
      if (!address.startsWith('/')) return [];
      const links = placesPassed(dirname(address), host).filter((place) => host.kind(place) === 'link');
      for (const link of links) {
        const all = [link, ...host.aliases(link)];
        const through = written.find(({ real }) => all.some((one) => isWithin(one, real)));
        if (through === undefined) continue;
        const who = through.writer === name ? 'the plugin' : `the plugin "${through.writer}"`;
        return [
          {
            plugin: name,
            key: ['listen'],
            message: `"${address}" leads through the link "${link}" in "${through.path}", which ${who} may write: it could lead elsewhere`,
            fix: 'name a folder without the link',
          },
        ];
      }
      return [];
    }),
  );
}
