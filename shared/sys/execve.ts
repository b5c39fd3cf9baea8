// execve(2). Runs in the launcher. If it succeeds, no code of postern runs after it.
import { bind } from './libc.js';

const execveCall = bind('int execve(const char *path, const char **arguments, const char **environment)');

/** Becomes another program. @returns only on failure: minus errno (ENOENT, EACCES, ENOEXEC, …) */
export function execve(path: string, args: readonly string[], environment: readonly string[]): number {
  return execveCall(path, [...args, null], [...environment, null]);
}
