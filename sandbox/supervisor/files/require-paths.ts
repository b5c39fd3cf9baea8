// Checks the paths that a plugin's configuration names, before anything is started.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { hostFiles } from './host-files.js';

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
