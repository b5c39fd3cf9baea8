// Which program runs a script: the one of its first line, execve(2), or the one that env(1) looks up there. Reads the start
// of the plugin's own program and decides nothing by it but an error's words.
import { readStart } from '../files/read-start.js';

/** BINPRM_BUF_SIZE: the kernel reads no more of a first line. */
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
