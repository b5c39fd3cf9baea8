// Checks the paths that a plugin's configuration names, before anything is started.
import { dirname } from 'node:path';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { type ErrorFields, PosternError } from '../../../shared/errors.js';
import {
  type HostFiles,
  hostFiles,
  isWithin,
  kernelMountAt,
  kernelMountOf,
  readMounts,
} from './host-files.js';
import { placesPassed } from './places-passed.js';
import { pluginLink, type Written, withoutPluginLinks } from './plugin-links.js';

type Shown = 'visible' | 'writable';
type List = Shown | 'hidden';
type Paths = Pick<PluginConfig, List | 'name' | 'cwd' | 'listen'>;

interface Look {
  readonly plugin: string;
  readonly written: readonly Written[];
  /** Without the links that a plugin could have made. */
  readonly host: HostFiles;
  readonly mountinfo: string;
}

/** @param written what any plugin may write @throws PosternError `not_allowed`, `not_found`, `path_not_apart` */
export function requirePaths(paths: Paths, written: readonly Written[]): void {
  const [first] = refusedPaths(paths, written);
  if (first !== undefined) throw first;
}

/**
 * @param host the files as the caller sees them. Missing: as a start does
 * @returns an error for each path that no plugin may name, with the fields `key` and `path`
 */
export function refusedPaths(
  { name, cwd, visible, writable, hidden, listen }: Paths,
  written: readonly Written[],
  host: HostFiles = withoutPluginLinks(hostFiles, written),
): readonly PosternError[] {
  const look: Look = { plugin: name, written, host, mountinfo: readMounts() };
  return [
    ...visible.flatMap((path) => refusedShown('visible', path, look) ?? []),
    ...writable.flatMap((path) => refusedShown('writable', path, look) ?? []),
    ...hidden.flatMap((path) => refusedHidden(path, look) ?? []),
    ...[cwd].flatMap((path) => refusedCwd(path, look) ?? []),
    ...listen
      .filter(({ address }) => address.startsWith('/'))
      .flatMap(
        ({ address }) =>
          refusedLink(`Cannot listen on "${address}"`, dirname(address), { key: 'listen' }, look) ?? [],
      ),
  ];
}

function refusedCwd(path: string, look: Look): PosternError | undefined {
  const real = look.host.real(path);
  const what = `Cannot start in "${path}"`;
  const fields = { key: 'cwd' };
  if (real === undefined) return refusedLink(what, path, fields, look) ?? missing(what, path, fields, look);
  if (look.host.kind(real) === 'directory') return undefined;
  return new PosternError('not_found', `${what}: it is not a folder`, { fix: 'name a folder', fields });
}

function refusedShown(list: Shown, path: string, look: Look): PosternError | undefined {
  const real = look.host.real(path);
  const what = `Cannot show "${path}" to the plugin`;
  const fields = fieldsOf(list, path);
  if (
    /* protects: G14 no path shows the whole file system by a link (as root) => path === '/' */ real === '/'
  ) {
    const leads = path === '/' ? '' : `: "${path}" leads there`;
    const fix = 'name the folders that it needs';
    return new PosternError('not_allowed', `Cannot show "/" to the plugin${leads}`, { fix, fields });
  }
  if (real !== undefined) return refusedKernelFile(list, path, real, look.mountinfo);
  return refusedLink(what, path, fields, look) ?? missing(what, path, fields, look);
}

function refusedHidden(path: string, look: Look): PosternError | undefined {
  const real = look.host.real(path);
  const what = `Cannot hide "${path}" from the plugin`;
  const fields = fieldsOf('hidden', path);
  if (real === '/') {
    const fix = 'name the folders that it must not see';
    return new PosternError('not_allowed', what, { fix, fields });
  }
  if (real !== undefined) return undefined;
  // A mistyped path would hide nothing. A file that is made there later would show.
  const fix = 'to hide a file that is made later, hide its folder';
  return refusedLink(what, path, fields, look) ?? missing(what, path, fields, look, fix);
}

/** The kernel says the same of a path that is not there and of one below a folder that a plugin has closed. */
function missing(
  what: string,
  path: string,
  fields: ErrorFields,
  { plugin, written, host }: Look,
  fix = 'correct the path, or make it first',
): PosternError {
  const places = placesPassed(path, host);
  const folder = written.find(({ real }) => places.some((place) => place !== real && isWithin(place, real)));
  if (folder === undefined)
    return new PosternError('not_found', `${what}: it does not exist`, { fix, fields });
  const who = folder.writer === plugin ? 'the plugin' : `the plugin "${folder.writer}"`;
  return new PosternError(
    'not_found',
    `${what}: it is not there, or a folder above it is closed. It lies in "${folder.path}", which ${who} may write: it could have removed or closed it`,
    { fix: 'make it anew, or open the folders above it with chmod u+rwx', fields },
  );
}

/** @returns undefined if the path leads through no link of a plugin @param look with the host's files without the links of plugins */
export function refusedLink(
  what: string,
  path: string,
  fields: ErrorFields,
  { plugin, written, host }: Pick<Look, 'plugin' | 'written' | 'host'>,
): PosternError | undefined {
  const found = host.real(path) === undefined ? pluginLink(path, written, hostFiles) : undefined;
  if (found === undefined) return undefined;
  const { link, folder } = found;
  const who = folder.writer === plugin ? 'the plugin' : `the plugin "${folder.writer}"`;
  const may = folder.isFormer === true ? 'could write before' : 'may write';
  return new PosternError(
    'path_not_apart',
    `${what}: it leads through the link "${link}" in "${folder.path}", which ${who} ${may}: it could have made the link`,
    {
      // protects: G14 supervisor: where a link of a plugin leads is no advice => fix: String(hostFiles.real(path))
      fix: 'look at that link: if it is yours, name what it leads to instead',
      fields,
    },
  );
}

/** These file systems tell about the host, and change its settings and processes. What is mounted below a path is covered instead. */
function refusedKernelFile(
  list: Shown,
  path: string,
  real: string,
  mountinfo: string,
): PosternError | undefined {
  const { find, verb } = KERNEL_FILES[list];
  const mount = find(real, mountinfo);
  if (
    /* protects: G17 a file system of the kernel is not shown by its name (as root) => true */ mount ===
    undefined
  )
    return undefined;
  const message = `Cannot ${verb} "${path}": it belongs to a ${mount.type} file system of the host`;
  const fix = FIXES[mount.type] ?? 'leave it out';
  return new PosternError('not_allowed', message, { fix, fields: fieldsOf(list, path) });
}

function fieldsOf(list: List, path: string): ErrorFields {
  return { key: `filesystem.${list}`, path };
}

const KERNEL_FILES = {
  visible: { find: kernelMountAt, verb: 'show' },
  writable: { find: kernelMountOf, verb: 'make writable' },
} as const;
const IN_PART = 'name the folders in it that the plugin needs, as visible';
const FIXES: Readonly<Record<string, string>> = {
  proc: 'leave it out: the plugin has its own /proc',
  sysfs: IN_PART,
  cgroup: IN_PART,
  cgroup2: IN_PART,
};
