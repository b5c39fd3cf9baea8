// Finds the command inside the new root and becomes it, as execvp(3) does.
import { accessSync, constants, statSync } from 'node:fs';
import { constants as os } from 'node:os';
import { PosternError } from '../../shared/errors.js';
import { errnoName } from '../../shared/sys/libc.js';
import { execve } from '../../shared/sys/process-control.js';
import { LAUNCH_FIXES, type LaunchFix, type LaunchSpec } from './spec.js';

export interface ReadyCommand {
  /** Becomes the program. It never returns, and throws where execve fails. */
  readonly run: () => never;
}

/** @throws PosternError `command_not_found` (exit status 127) or `command_not_runnable` (126) */
export function execCommand(spec: LaunchSpec): ReadyCommand {
  const [program = '', ...args] = spec.command;
  const path = find(program, spec);
  // sd_listen_fds(3): execve keeps the pid, so this process's pid is the plugin's.
  const environment =
    spec.listeners === 0 ? spec.environment : [...spec.environment, `LISTEN_PID=${process.pid}`];
  return {
    run: (): never => {
      let errno = -execve(path, [program, ...args], environment);
      // The shell runs a script without an interpreter line, execvp(3).
      if (errno === os.errno.ENOEXEC) errno = -execve('/bin/sh', ['/bin/sh', path, ...args], environment);
      if (errno === os.errno.ENOENT) throw notFound(`Cannot run "${path}": its interpreter does not exist`);
      throw notRunnable(`Cannot run "${path}": ${errnoName(errno)}`);
    },
  };
}

function find(program: string, spec: LaunchSpec): string {
  if (program === '') throw notFound('The command is empty', LAUNCH_FIXES[0]);
  if (program.includes('/')) return check(program);
  const paths = spec.environment.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? '';
  let refused: PosternError | undefined;
  for (const folder of paths.split(':')) {
    const candidate = `${folder === '' ? '.' : folder}/${program}`;
    try {
      return check(candidate);
    } catch (error) {
      if (error instanceof PosternError && error.code === 'command_not_runnable') refused ??= error;
    }
  }
  throw refused ?? notFound(`Command "${program}" not found in PATH "${paths}"`);
}

function check(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw notFound(`Command "${path}" not found`);
  if (found.isDirectory()) throw notRunnable(`Cannot run "${path}": it is a directory`);
  try {
    accessSync(path, constants.X_OK);
  } catch {
    throw notRunnable(`Cannot run "${path}": not executable`);
  }
  return path;
}

function notFound(message: string, fix: LaunchFix = LAUNCH_FIXES[1]): PosternError {
  return new PosternError('command_not_found', message, { fix });
}

function notRunnable(message: string): PosternError {
  return new PosternError('command_not_runnable', message);
}
