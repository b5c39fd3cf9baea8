// Finds programs of the host, in a fixed PATH where postern runs them itself.
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';

// Finds a command's program on the host, as execvp(3) does. The result decides what becomes visible, not what is run.

/** @returns an absolute path, or undefined where no executable file is found */
export function findProgram(program: string, cwd: string, path: string): string | undefined {
  if (program.includes('/')) return resolve(cwd, program);
  for (const folder of path.split(':')) {
    const candidate = resolve(cwd, folder, program);
    if (isExecutable(candidate)) return candidate;
  }
  return undefined;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

// The folders in which a plugin's command is searched, as one text like PATH.

/** @param env the variables that the plugin's configuration names */
export function searchPath(env: Readonly<Record<string, string>>): string {
  return env['PATH'] ?? process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
}

// The folders in which postern looks for the system's programs, whatever PATH its caller has.

export const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
