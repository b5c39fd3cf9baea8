// Checks the paths that a plugin's configuration names, before anything is started.
import { readFileSync } from 'node:fs';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { type ErrorFields, PosternError } from '../../../shared/errors.js';
import { hostFiles } from './host-files.js';
import { kernelMountAt, kernelMountOf } from './kernel-mounts.js';

type List = 'visible' | 'writable' | 'hidden';
type Paths = Pick<PluginConfig, List>;

/** @throws PosternError `not_allowed`, `not_found` */
export function requirePaths(paths: Paths): void {
  const [first] = refusedPaths(paths);
  if (first !== undefined) throw first;
}

/** @returns an error for each path that no plugin may name, with the fields `key` and `path` */
export function refusedPaths({ visible, writable, hidden }: Paths): readonly PosternError[] {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
  return [
    ...visible.flatMap(
      (path) => refusedShown('visible', path) ?? refusedKernelFile('visible', path, mountinfo) ?? [],
    ),
    ...writable.flatMap(
      (path) => refusedShown('writable', path) ?? refusedKernelFile('writable', path, mountinfo) ?? [],
    ),
    ...hidden.flatMap((path) => refusedHidden(path) ?? []),
  ];
}

function refusedShown(list: List, path: string): PosternError | undefined {
  const real = hostFiles.real(path);
  const fields = fieldsOf(list, path);
  if (
    /* protects: G14 no path shows the whole file system by a link (as root) => path === '/' */ real === '/'
  ) {
    const leads = path === '/' ? '' : `: "${path}" leads there`;
    const fix = 'name the folders that it needs';
    return new PosternError('not_allowed', `Cannot show "/" to the plugin${leads}`, { fix, fields });
  }
  return real === undefined
    ? new PosternError('not_found', `Cannot show "${path}" to the plugin: it does not exist`, { fields })
    : undefined;
}

function refusedHidden(path: string): PosternError | undefined {
  const fields = fieldsOf('hidden', path);
  if (hostFiles.real(path) === '/') {
    const fix = 'name the folders that it must not see';
    return new PosternError('not_allowed', 'Cannot hide "/" from the plugin', { fix, fields });
  }
  if (hostFiles.real(path) !== undefined) return undefined;
  // A mistyped path would hide nothing. A file that is made there later would show.
  const fix = 'to hide a file that is made later, hide its folder';
  return new PosternError('not_found', `Cannot hide "${path}" from the plugin: it does not exist`, {
    fix,
    fields,
  });
}

/** These file systems tell about the host, and change its settings and processes. What is mounted below a path is covered instead. */
function refusedKernelFile(
  list: 'visible' | 'writable',
  path: string,
  mountinfo: string,
): PosternError | undefined {
  const { find, verb } = KERNEL_FILES[list];
  const mount = find(hostFiles.real(path) ?? path, mountinfo);
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
