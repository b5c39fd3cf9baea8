// The folders that plugins may write, and the links there. A plugin may put a link there at any time, to any file of the host: in its last
// moment before a restart too. So a start looks at each path of the configuration again, when the former run has ended, and follows no such
// link. What it found is a path without any link. It is opened as that, openat2(2) with RESOLVE_NO_SYMLINKS, and the mount is made from the
// open file. So a link that another plugin puts there meanwhile leads nowhere either. Pure.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { type HostFiles, isWithin } from './host-files.js';
import { wayTo } from './places-passed.js';

/** A folder or file that a plugin may write. */
export interface Written {
  readonly writer: string;
  readonly path: string;
  /** Without links. */
  readonly real: string;
  readonly isHome: boolean;
  /** The plugin could write it before a reload. What it put there is still there, and it may still run. */
  readonly isFormer?: boolean;
}

export interface PluginLink {
  readonly link: string;
  readonly folder: Written;
}

export function writtenFolders(
  plugins: readonly Pick<PluginConfig, 'name' | 'writable' | 'home'>[],
  host: HostFiles,
): readonly Written[] {
  const written = (writer: string, path: string, isHome: boolean): Written => ({
    ...{ writer, path, isHome },
    real: host.real(path) ?? path,
  });
  return plugins.flatMap(({ name, writable, home }) => [
    ...writable.map((path) => written(name, path, false)),
    ...(home === undefined ? [] : [written(name, home, true)]),
  ]);
}

/**
 * Those that do not lie in another one. A plugin that writes the other one can put a link at the inner path, and the link's target must not count as
 * written: the starts of other plugins would follow no link there.
 */
export function outermost(written: readonly Written[]): readonly Written[] {
  return written.filter(({ path }) => !written.some((one) => one.path !== path && isWithin(path, one.path)));
}

/** The first link on the way that a plugin could have made. */
export function pluginLink(
  path: string,
  written: readonly Written[],
  host: HostFiles,
): PluginLink | undefined {
  const { places, end } = wayTo(path, host, (link) => folderOf(link, written, host) === undefined);
  const [link] = end === undefined ? places.slice(-1) : [];
  const folder = link === undefined ? undefined : folderOf(link, written, host);
  return link === undefined || folder === undefined ? undefined : { link, folder };
}

/** The host's files, if no link that a plugin could have made is followed: nothing is behind one. */
export function withoutPluginLinks(host: HostFiles, written: readonly Written[]): HostFiles {
  if (written.length === 0) return host;
  return {
    ...host,
    real: (path) => {
      const { end } = wayTo(
        path,
        host,
        // protects: G14 a start follows no link that a plugin could have made => () => true
        (link) => folderOf(link, written, host) === undefined,
      );
      return end === undefined || host.kind(end) === 'absent' ? undefined : end;
    },
  };
}

/**
 * The host's files as far as no plugin decides about them: below a folder that a plugin may write, each path counts as a folder that is there. For the
 * checks of a whole configuration. Whatever a plugin does there fails its own start, which looks at the files themselves. So it keeps neither a reload nor
 * another plugin from coming.
 */
export function asConfigured(
  plugins: readonly Pick<PluginConfig, 'name' | 'writable' | 'home'>[],
  host: HostFiles,
): HostFiles {
  const written = outermost(writtenFolders(plugins, host));
  const isBelow = (path: string): boolean => {
    const all = [path, ...host.aliases(path)];
    return written.some(({ real }) => !all.includes(real) && all.some((one) => isWithin(one, real)));
  };
  const kind: HostFiles['kind'] = (path) => {
    const found = host.kind(path);
    // protects: G8 what a plugin did to its own places fails its start alone => return found;
    return found !== 'directory' && isBelow(path) ? 'directory' : found;
  };
  return {
    ...host,
    kind,
    real: (path) => {
      const { end } = wayTo(path, { ...host, kind });
      return end === undefined || kind(end) === 'absent' ? undefined : end;
    },
  };
}

/** @param link a path without a link in its folder */
function folderOf(link: string, written: readonly Written[], host: HostFiles): Written | undefined {
  const all = [
    link,
    /* protects: G14 a link of a plugin is one below a bind mount too */ ...host.aliases(link),
  ];
  return written.find(({ real }) => all.some((one) => isWithin(one, real)));
}
