// What is wrong with the paths that a plugin's configuration names, before anything is started.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { hostFiles } from './host-files.js';

/** @throws PosternError `not_allowed`, `not_found` */
export function requirePaths({ visible, writable, hidden }: PluginConfig): void {
  for (const path of [...visible, ...writable]) {
    if (path === '/') {
      throw new PosternError('not_allowed', 'Cannot show "/" to the plugin', {
        fix: 'name the folders that it needs, one by one',
      });
    }
    if (hostFiles.real(path) === undefined)
      throw new PosternError('not_found', `Cannot show "${path}" to the plugin: it is not there`);
  }
  for (const path of hidden) {
    if (path === '/') {
      throw new PosternError('not_allowed', 'Cannot hide "/" from the plugin', {
        fix: 'name the folders that it shall not see, one by one',
      });
    }
    // A mistyped path would hide nothing, and what comes to be there later would show.
    if (hostFiles.real(path) === undefined) {
      throw new PosternError('not_found', `Cannot hide "${path}" from the plugin: it is not there`, {
        fix: 'for what comes to be there later, hide the folder that will hold it',
      });
    }
  }
}
