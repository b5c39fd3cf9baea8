// The program of `ask.hook`, which answers questions about unknown destinations. Runs in the supervisor. It is trusted: no plugin may write it.
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';

export interface HookCommand {
  /** The program by its absolute path, and its arguments as written. */
  readonly command: readonly string[];
  /** The folder of the configuration file, in which it starts. */
  readonly cwd: string;
  /** The program, and arguments that name a file: a script. */
  readonly files: readonly string[];
}

/**
 * @param words as written: the program is found by PATH, or is a path relative to the folder
 * @returns undefined if the program is not found
 */
export function findHook(words: readonly string[], folder: string): HookCommand | undefined {
  const [written = '', ...args] = words;
  const program = written.includes('/') ? resolve(folder, written) : findByPath(written);
  if (program === undefined || !isExecutable(program)) return undefined;
  const files = [program, ...args.map((one) => resolve(folder, one)).filter(isFile)];
  return { command: [program, ...args], cwd: folder, files };
}

function findByPath(program: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/'));
  return program === '' ? undefined : folders.map((folder) => resolve(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return isFile(path);
  } catch {
    return false;
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
