// Writes an approved rule into postern.yaml: a new file takes the place of the old one at once. Runs in the supervisor. It follows no link, and writes
// nothing where a plugin could write the new file: a mount covers the old one alone.

import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { addRule } from '../../../shared/config/add-rule.js';
import { MAX_CONFIG_MIB } from '../../../shared/config/config-text.js';
import { PosternError } from '../../../shared/errors.js';
import { quote } from '../../../shared/policy/quote.js';
import { readTextFile } from '../../../shared/read-file.js';
import { openFolder } from '../../../shared/sys/open-folder.js';

const { O_RDONLY, O_NOFOLLOW, O_WRONLY, O_CREAT, O_EXCL, O_NONBLOCK } = constants;
const PERMISSIONS = 0o7777;

/**
 * @param path of the file
 * @param mayWrite whether a plugin may write a folder, by its path without links
 * @throws PosternError `rule_not_written`. Then the file is as it was
 */
export function writeRule(
  path: string,
  plugin: string,
  rule: string,
  mayWrite: (folder: string) => boolean,
): void {
  const whole = resolve(path);
  try {
    // Throws where a part of the way is a link.
    using folder = openFolder(dirname(whole));
    // protects: G20 no rule is written where a plugin may write
    if (mayWrite(dirname(whole))) throw notWritten(path, 'a plugin may write its folder');
    replaceFile(`/proc/self/fd/${folder.number}`, basename(whole), (text) => {
      const added = addRule(text, plugin, rule);
      if (!added.ok) throw notWritten(path, added.problem, { fix: added.fix });
      return added.text;
    });
  } catch (cause) {
    if (cause instanceof PosternError && cause.code === 'rule_not_written') throw cause;
    throw notWritten(path, (cause as Error).message, { cause });
  }
}

/**
 * Puts a new file in the place of one with rules.
 *
 * @param folder without a way out of it that a plugin could change, such as `/proc/self/fd/N`
 * @param change gets the text; if it returns the same one, nothing is written
 * @returns whether it was written
 */
export function replaceFile(folder: string, name: string, change: (text: string) => string): boolean {
  const old = openSync(`${folder}/${name}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const temporary = `${folder}/.${name}.${process.pid}.new`;
  try {
    const stats = fstatSync(old);
    const text = textOf(`/proc/self/fd/${old}`);
    const changed = change(text);
    if (changed === text) return false;
    const made = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      writeFileSync(made, changed);
      if (process.geteuid?.() === 0) fchownSync(made, stats.uid, stats.gid);
      fchmodSync(made, stats.mode & PERMISSIONS);
      fsyncSync(made);
      // An editor may have saved it meanwhile.
      if (textOf(`${folder}/${name}`) !== text) throw new Error('it has just changed');
      renameSync(temporary, `${folder}/${name}`);
      return true;
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(made);
    }
  } finally {
    closeSync(old);
  }
}

function textOf(path: string): string {
  const read = readTextFile(path, MAX_CONFIG_MIB);
  if ('text' in read) return read.text;
  throw new Error(`it ${read.problem}`);
}

/** @param why the sentence goes on with it */
export function notWritten(
  path: string,
  why: string,
  { fix, cause }: { readonly fix?: string | undefined; readonly cause?: unknown } = {},
): PosternError {
  return new PosternError('rule_not_written', `Cannot write the rule into ${quote(path)}: ${why}`, {
    fix: fix ?? 'write it by hand, and approve the destination for this run',
    cause,
  });
}
