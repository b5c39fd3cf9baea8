// Finds the program that runs a script: the one in its first line, execve(2), or the one that env(1) looks up there. It reads the
// start of the plugin's program, and only the words of an error depend on it.
import { readStart } from '../files/read-start.js';

/** BINPRM_BUF_SIZE: the kernel reads no more than this of a first line. */
const FIRST_LINE_BYTES = 256;

/**
 * @param program a regular file
 * @returns a path, or for env(1) the name that it looks up
 */
export function findInterpreter(program: string): string | undefined {
  const start = readStart(program, FIRST_LINE_BYTES);
  return start === undefined ? undefined : interpreterOf(start.toString('utf8'));
}

/** @param start the first bytes of a program */
export function interpreterOf(start: string): string | undefined {
  const [interpreter, ...words] =
    /^#![ \t]*([^\n]*)/
      .exec(start)?.[1]
      ?.trim()
      .split(/[ \t]+/) ?? [];
  if (interpreter === undefined || interpreter === '') return undefined;
  if (!/\/env$/.test(interpreter)) return interpreter;
  const name = words.find((word) => !word.startsWith('-') && !word.includes('='));
  return name ?? interpreter;
}
