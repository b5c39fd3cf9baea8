// Lists the files that the start of a command runs: its program, and the interpreters that scripts name in their first line. Runs in the
// supervisor. It reads the start of each file, which a plugin may have written.
import { resolve } from 'node:path';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { findProgram } from '../../host/find-program.js';
import { hostFiles } from '../files/host-files.js';
import { findInterpreters } from './find-interpreter.js';

/** The kernel follows five scripts that are run by scripts, execve(2). Each may name env(1), and what that looks up. */
const MOST_PROGRAMS = 11;
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** Paths of the host as they are named. Of a name on PATH also those where another file would be found first. */
export function startedFiles({
  command,
  cwd,
  env,
}: Pick<PluginConfig, 'command' | 'cwd' | 'env'>): readonly string[] {
  const path = env['PATH'] ?? process.env['PATH'] ?? DEFAULT_PATH;
  const files: string[] = [];
  const names = command.slice(0, 1);
  for (let tries = 0; tries < MOST_PROGRAMS; tries += 1) {
    const name = names.shift();
    if (name === undefined) break;
    const found = findProgram(name, cwd, path);
    files.push(...(name.includes('/') ? [resolve(cwd, name)] : searched(name, cwd, path, found)));
    const real = found === undefined ? undefined : hostFiles.real(found);
    if (real !== undefined) names.push(...findInterpreters(real));
  }
  return files;
}

function searched(name: string, cwd: string, path: string, found: string | undefined): readonly string[] {
  const places = path.split(':').map((folder) => resolve(cwd, folder, name));
  const end = found === undefined ? places.length : places.indexOf(found) + 1;
  return places.slice(0, end);
}
