// Refuses a start whose program, interpreter or working directory does not show. The error names the option that hides it, or the
// option that would show it.
import { ERROR_CODES, PosternError } from '../../../shared/errors.js';
import { findProgram } from '../../host/find-program.js';
import { shellWord } from '../../host/shell-word.js';
import type { HostFiles } from '../files/host-files.js';
import { leadsThrough } from '../files/places-passed.js';
import { prefixOf, steps } from './command-paths.js';
import type { RootPlan } from './plan-root.js';
import { shows } from './shown-paths.js';
import { findInterpreters } from './started-files.js';

const NOT_FOUND = ERROR_CODES.command_not_found.status;

export interface CommandFiles {
  readonly words: readonly string[];
  /** The program's path on the host; undefined where the host has none. */
  readonly program: string | undefined;
  readonly cwd: string;
  /** The plugin's PATH. */
  readonly path: string;
  /** The home directories of the host: a fix never shows one of them. */
  readonly homes: readonly string[];
  /** What any plugin may write, by paths without links. */
  readonly written: readonly string[];
}

/** @throws PosternError `not_found` with exit status 127 for the program and its interpreter, `hidden` for the folder */
export function requireCommandFiles(plan: RootPlan, files: CommandFiles, host: HostFiles): void {
  const { words, program, cwd } = files;
  const [name = ''] = words;
  const hiding = plan.hiddenBy(host.real(cwd) ?? cwd);
  if (hiding !== undefined && host.kind(cwd) !== 'absent' && !plan.cwdVisible) {
    throw new PosternError('hidden', `Cannot start in "${cwd}": it is hidden by ${hiding}`, {
      fix: `start elsewhere with --cwd, or ${showAgain(cwd, hiding, host)}`,
      fields: { key: 'cwd' },
    });
  }
  if (name.includes('/') && !name.startsWith('/') && !plan.cwdVisible) {
    throw notShown(`Cannot run "${name}": the working directory "${cwd}" is not visible`, {
      fix: `it is a home directory, or above one: start from a folder below it, or show it with --visible ${shellWord(cwd)}`,
    });
  }
  if (program === undefined) return;
  // A plugin that put a link on the way could make the operator show what it likes.
  const chosen = leadsThrough(program, files.written, host);
  for (const path of steps(program, host)) {
    const hidden = plan.hiddenBy(host.real(path) ?? path);
    // protects: G14 a program behind a link of a plugin is not suggested
    if (hidden !== undefined && chosen && (path !== program || host.real(path) !== path))
      throw notShown(`Cannot run "${name}": a link on its path leads to what is hidden by ${hidden}`, {
        fix: 'look where that link leads',
      });
    if (hidden !== undefined)
      throw notShown(`Cannot run "${name}": "${path}" is hidden by ${hidden}`, {
        fix: showAgain(path, hidden, host),
      });
  }
  requireInterpreter(plan, files, program, host);
}

function requireInterpreter(plan: RootPlan, files: CommandFiles, program: string, host: HostFiles): void {
  // A plugin that writes the first line could make the operator show it something, or learn which files the host has.
  // protects: G14 an interpreter that a plugin's script names is not looked for
  if (leadsThrough(program, files.written, host)) return;
  const real = host.real(program);
  if (real === undefined || host.kind(real) !== 'file') return;
  const interpreter = findInterpreters(real).at(-1);
  if (interpreter === undefined) return;
  const places = interpreter.includes('/')
    ? [findProgram(interpreter, files.cwd, '')]
    : files.path.split(':').map((folder) => findProgram(interpreter, files.cwd, folder));
  const found = places.flatMap((path) => (path !== undefined && host.real(path) !== undefined ? [path] : []));
  const [first] = found;
  // execve(2) reports a file that the host does not have.
  if (first === undefined || leadsThrough(first, files.written, host)) return;
  if (found.some((path) => shows(plan.entries, path) || shows(plan.entries, host.real(path) ?? path))) return;
  const end = host.real(first) ?? first;
  const hidden = plan.hiddenBy(end);
  const what = `Cannot run "${files.words[0]}": its interpreter "${first}"`;
  if (hidden !== undefined)
    throw notShown(`${what} is hidden by ${hidden}`, { fix: showAgain(end, hidden, host) });
  throw notShown(`${what} is not visible to the plugin`, {
    fix: `show it with --visible ${/* protects: G14 a path that a fix tells to show is quoted => prefixOf(end, files.homes, host) */ shellWord(prefixOf(end, files.homes, host))}`,
  });
}

/** On the same path, hiding wins over showing. */
function showAgain(path: string, hiding: string, host: HostFiles): string {
  const real = host.real(path) ?? path;
  return [path, real].some((one) => hiding === `--hidden ${one}`)
    ? 'remove that option'
    : `show it with --visible ${shellWord(path)}`;
}

function notShown(message: string, { fix }: { readonly fix: string }): PosternError {
  return new PosternError('not_found', message, { fix, fields: { key: 'command' }, exitStatus: NOT_FOUND });
}
