// The files that run when a command starts: its program, and the interpreters of scripts. Runs in the supervisor.

import { resolve } from 'node:path';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { findProgram } from '../../host/find-program.js';
import { type HostFiles, hostFiles, readStart } from '../files/host-files.js';

// Lists the files that the start of a command runs: its program, and the interpreters that scripts name in their first line. Runs in the
// supervisor. It reads the start of each file, which a plugin may have written.

/** The kernel follows five scripts that are run by scripts, execve(2). Each may name env(1), and what that looks up. */
const MOST_PROGRAMS = 11;
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/**
 * Paths of the host as they are named. Of a name on PATH also those where another file would be found first.
 *
 * @param host of a check of the configuration: it reads no script that a plugin may write
 */
export function startedFiles(
  { command, cwd, env }: Pick<PluginConfig, 'command' | 'cwd' | 'env'>,
  host: HostFiles = hostFiles,
): readonly string[] {
  const path = env['PATH'] ?? process.env['PATH'] ?? DEFAULT_PATH;
  const files: string[] = [];
  const names = command.slice(0, 1);
  for (let tries = 0; tries < MOST_PROGRAMS; tries += 1) {
    const name = names.shift();
    if (name === undefined) break;
    const found = findProgram(name, cwd, path);
    files.push(...(name.includes('/') ? [resolve(cwd, name)] : searched(name, cwd, path, found)));
    const real = found === undefined ? undefined : host.real(found);
    if (real !== undefined && host.kind(real) === 'file') names.push(...findInterpreters(real));
  }
  return files;
}

function searched(name: string, cwd: string, path: string, found: string | undefined): readonly string[] {
  const places = path.split(':').map((folder) => resolve(cwd, folder, name));
  const end = found === undefined ? places.length : places.indexOf(found) + 1;
  return places.slice(0, end);
}

// Finds the programs that run a script: the one in its first line, execve(2), and the one that env(1) looks up there. It reads the start of the
// script, which a plugin may have written.

/** BINPRM_BUF_SIZE: the kernel reads no more than this of a first line. */
const FIRST_LINE_BYTES = 256;

/**
 * @param program a regular file
 * @returns a path, and behind that of env(1) the name that it looks up; none where it is no script
 */
export function findInterpreters(program: string): readonly string[] {
  const start = readStart(program, FIRST_LINE_BYTES);
  return start === undefined ? [] : interpretersOf(start.toString('utf8'));
}

/** @param start the first bytes of a program */
export function interpretersOf(start: string): readonly string[] {
  const [, interpreter = '', rest = ''] = /^#![ \t]*([^ \t\n]*)([^\n]*)/.exec(start) ?? [];
  if (interpreter === '') return [];
  const looked = isEnv(interpreter) ? commandOfEnv(rest) : undefined;
  return looked === undefined ? [interpreter] : [interpreter, looked];
}

const isEnv = (word: string): boolean => /(^|\/)env$/.test(word);

/** Option -S, --split-string or a beginning of it, as one word with the string or before it. */
const SPLITS = /^(?:-[iv0]*S|--s[a-z-]*(?:=|$))/;
/** The next word belongs to the option: -u, -C, -a and their long names, env(1). */
const TAKES_WORD = /^(?:-[iv0]*[uCa]|--u[a-z]*|--c[a-z]*|--a[a-z0]*)$/;

/** env(1) of GNU: its words may be quoted, and an escape may part them. */
function commandOfEnv(text: string): string | undefined {
  const words = text
    .replace(/\\[_tnvfr]/g, ' ')
    .replace(/['"\\]/g, '')
    .trim()
    .split(/[ \t]+/);
  while (words.length > 0) {
    const word =
      words
        .shift()
        ?.replace(
          /* protects: G14 the program that env looks up by its options is found => '' */ SPLITS,
          '',
        ) ?? '';
    if (TAKES_WORD.test(word)) words.shift();
    else if (word !== '' && !word.startsWith('-') && !word.includes('=') && !isEnv(word)) return word;
  }
  return undefined;
}
