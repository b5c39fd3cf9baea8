// Finds sockets that postern would make where another plugin could put a link, or through a link of the plugin itself: a link could lead to any
// folder of the host. In a folder that the plugin alone writes, nothing changes while postern binds: the plugin does not run then, unless a
// reload adds the listener. Pure.
import { dirname } from 'node:path';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { HostFiles } from './host-files.js';
import type { PathProblem } from './path-problems.js';
import { isWithin } from './path-within.js';
import { placesPassed } from './places-passed.js';
import { writtenFolders } from './plugin-links.js';

type PluginListeners = Pick<PluginConfig, 'name' | 'listen' | 'writable' | 'home'>;

/** @returns at most one problem for each listener */
export function listenerProblems(
  plugins: readonly PluginListeners[],
  host: HostFiles,
): readonly PathProblem[] {
  const written = writtenFolders(plugins, host);
  return plugins.flatMap(({ name, listen }) =>
    listen.flatMap(({ address }): readonly PathProblem[] => {
      if (!address.startsWith('/')) return [];
      const places = placesPassed(dirname(address), host);
      for (const place of places) {
        const all = [place, ...host.aliases(place)];
        const isLink = host.kind(place) === 'link';
        const through = written.find(
          ({ writer, real }) =>
            (isLink ||
              /* protects: G14 a listener in a folder that another plugin may write is refused (as root) */ writer !==
                name) &&
            /* protects: G14 a listener through a link of a plugin is refused (as root) => false */ all.some(
              (one) => isWithin(one, real),
            ),
        );
        if (through === undefined) continue;
        const who = through.writer === name ? 'the plugin' : `the plugin "${through.writer}"`;
        const way = isLink ? `through the link "${place}" in "${through.path}"` : `through "${through.path}"`;
        return [
          {
            plugin: name,
            key: ['listen'],
            message: `"${address}" leads ${way}, which ${who} may write: it could lead elsewhere`,
            fix:
              through.writer === name
                ? 'name a folder without the link'
                : 'name a folder that no other plugin writes',
          },
        ];
      }
      return [];
    }),
  );
}
