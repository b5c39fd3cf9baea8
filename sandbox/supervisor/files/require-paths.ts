// Checks the paths that a plugin's configuration names, before anything is started.
import { readFileSync } from 'node:fs';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { hostFiles } from './host-files.js';
import { kernelMountAt, kernelMountOf } from './kernel-mounts.js';

/** @throws PosternError `not_allowed`, `not_found` */
export function requirePaths({ visible, writable, hidden }: PluginConfig): void {
  for (const path of [...visible, ...writable]) {
    const real = hostFiles.real(path);
    if (real === '/') {
      const leads = path === '/' ? '' : `: "${path}" leads there`;
      throw new PosternError('not_allowed', `Cannot show "/" to the plugin${leads}`, {
        fix: 'name the folders that it needs',
      });
    }
    if (real === undefined)
      throw new PosternError('not_found', `Cannot show "${path}" to the plugin: it does not exist`);
  }
  refuseKernelFiles(visible, writable);
  for (const path of hidden) {
    if (hostFiles.real(path) === '/') {
      throw new PosternError('not_allowed', 'Cannot hide "/" from the plugin', {
        fix: 'name the folders that it must not see',
      });
    }
    // A mistyped path would hide nothing. A file that is made there later would show.
    if (hostFiles.real(path) === undefined) {
      throw new PosternError('not_found', `Cannot hide "${path}" from the plugin: it does not exist`, {
        fix: 'to hide a file that is made later, hide its folder',
      });
    }
  }
}

/** These file systems tell about the host, and change its settings and processes. What is mounted below a path is covered instead. */
function refuseKernelFiles(visible: readonly string[], writable: readonly string[]): void {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
  const named = [
    ...visible.map((path) => ({ path, find: kernelMountAt, verb: 'show' })),
    ...writable.map((path) => ({ path, find: kernelMountOf, verb: 'make writable' })),
  ];
  for (const { path, find, verb } of named) {
    const mount = find(hostFiles.real(path) ?? path, mountinfo);
    if (mount === undefined) continue;
    throw new PosternError(
      'not_allowed',
      `Cannot ${verb} "${path}": it belongs to a ${mount.type} file system of the host`,
      { fix: FIXES[mount.type] ?? 'leave it out' },
    );
  }
}

const IN_PART = 'name the folders in it that the plugin needs, as visible';
const FIXES: Readonly<Record<string, string>> = {
  proc: 'leave it out: the plugin has its own /proc',
  sysfs: IN_PART,
  cgroup: IN_PART,
  cgroup2: IN_PART,
};
