// Warnings of `check` about commands that cannot be run: the program does not exist, or is not executable. It is searched as at a start.
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../../shared/config/load-config.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { searchPath } from '../host/search-path.js';
import { isWithin, moved } from '../supervisor/files/host-files.js';
import { PLUGIN_HOME } from '../supervisor/root/system-files.js';
import type { CheckWarning } from './check-warning.js';

export function commandWarnings({ plugins, placeOf }: Config): readonly CheckWarning[] {
  return plugins.flatMap(({ config }) => {
    const fault = faultOf(config);
    const place = placeOf(['plugins', config.name, 'command']) ?? placeOf(['plugins', config.name]) ?? '';
    return fault === undefined ? [] : [{ plugin: config.name, place, message: fault }];
  });
}

/** @returns why the command cannot be run, with the fix; undefined if it can be, or if that cannot be seen from here */
function faultOf(config: PluginConfig): string | undefined {
  const [program = ''] = config.command;
  const path = searchPath(config.env);
  const folders = program.includes('/') ? [''] : path.split(':');
  let closed: string | undefined;
  for (const folder of folders) {
    const candidate = resolve(config.cwd, folder, program);
    const kind = kindOf(onHost(candidate, config.home));
    if (kind === 'program' || kind === 'unknown') return undefined;
    if (kind === 'closed')
      closed ??= `"${candidate}" is not executable: chmod +x it, or name another program`;
    if (kind === 'folder' && program.includes('/')) closed = `"${candidate}" is a folder: name a program`;
  }
  const missing = program.includes('/')
    ? `"${resolve(config.cwd, program)}" does not exist: correct the path, or install it`
    : `"${program}" is in no folder of PATH "${path}": install it, or write its whole path`;
  return `The command cannot be run, ${closed ?? missing}`;
}

/** A kept home has another path inside. */
function onHost(path: string, home: string | undefined): string {
  return home !== undefined && isWithin(path, PLUGIN_HOME) ? moved(path, PLUGIN_HOME, home) : path;
}

function kindOf(path: string): 'program' | 'closed' | 'folder' | 'absent' | 'unknown' {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return 'folder';
    if (!stats.isFile()) return 'closed';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'absent' : 'unknown';
  }
  try {
    accessSync(path, constants.X_OK);
    return 'program';
  } catch {
    return 'closed';
  }
}
