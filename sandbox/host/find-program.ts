// Finds a command's program on the host, as execvp(3) does. The result decides what becomes visible, not what is run.
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** @returns an absolute path, or undefined where no executable file is found */
export function findProgram(program: string, cwd: string, path: string): string | undefined {
  if (program.includes('/')) return resolve(cwd, program);
  for (const folder of path.split(':')) {
    const candidate = resolve(cwd, folder, program);
    if (isExecutable(candidate)) return candidate;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
