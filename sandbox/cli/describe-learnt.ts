// What learn found, as text, and the new file that learn and init write.

import { accessSync, constants, lstatSync, writeFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { addToRuleFile } from '../../shared/config/add-rule.js';
import { PosternError } from '../../shared/errors.js';
import { quote } from '../../shared/policy/quote.js';
import { printable, yamlText } from '../../shared/printable.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { replaceFile } from '../supervisor/approval/write-rule.js';
import type { Learnt } from '../supervisor/learn/learner.js';
import { asAllowOptions, asYamlItems, missingRules } from './refusal-line.js';

// Prints the learnt rules as lines for a person. Each list of rules is one line, to be copied without its `postern: `.

const NAMES_SHOWN = 10;

/** @param written what became of the file */
export function describeLearnt(learnt: Learnt, written: readonly string[] = []): readonly string[] {
  const { rules, requests } = learnt;
  const texts = rules.map(({ rule }) => rule);
  return [
    texts.length === 0
      ? 'learnt no rule: the program connected to nobody whom the rules do not allow'
      : `learnt ${count(texts.length, 'rule')}, as options and as a list for postern.yaml:`,
    ...(texts.length === 0 ? [] : [asAllowOptions(texts), `allow: [${asYamlItems(texts)}]`]),
    ...requests.map(({ host, allow }) => `requests of a gateway: ${host}: {allow: [${asYamlItems(allow)}]}`),
    ...written,
    ...notes(learnt),
  ];
}

/** What a running plugin was missing. @param file where the rules were written */
export function describeLive(learnt: Learnt, plugin: string, file?: string): readonly string[] {
  const { rules, refused, assumed } = learnt;
  const closed = refused.map(({ message }) => message);
  const more = closed.length - NAMES_SHOWN;
  return [
    ...(rules.length === 0
      ? [`learnt no rule: nothing was refused to "${plugin}" that a rule of learn opens`]
      : []),
    ...describeLearnt({ ...learnt, refused: [] }).slice(rules.length === 0 ? 1 : 0),
    ...(file === undefined ? [] : [`written to ${quote(file)}: name it in plugins.${plugin}.presets`]),
    ...(assumed.length === 0
      ? []
      : [`note: refused at the look-up, which has no port, so with port 443: ${list(assumed)}`]),
    ...closed.slice(0, NAMES_SHOWN).map((message) => `note: no rule is suggested for this: ${message}`),
    ...(more > 0 ? [`note: and ${more} more for which none is suggested`] : []),
  ];
}

/**
 * A file for --rules and `presets`.
 *
 * @param before the text of the file, to which the rules are added; undefined for a new file
 * @param what says what the plugin did with the destinations
 * @throws PosternError `output_file`
 */
export function ruleFileOf(
  { rules, looked_up: lookedUp, refused }: Learnt,
  { path, plugin, what = 'connected to' }: { path: string; plugin: string; what?: string },
  before = `# What ${plugin} ${what}, by postern learn.\nallow:${rules.length === 0 ? ' []' : ''}\n`,
): string {
  const added = addToRuleFile(
    before,
    rules.map(({ rule }) => rule),
    [
      ...lookedUp.map((name) => commentedRule(name, 'looked up and never connected to')),
      ...refused.flatMap((one) => {
        const missing = missingRules(one);
        return missing.length === 0
          ? [printable(one.message)]
          : missing.map((rule) => commentedRule(rule, one.message));
      }),
    ],
  );
  if (added.ok) return added.text;
  throw new PosternError('output_file', `Cannot write the rules into ${quote(path)}: ${added.problem}`, {
    fix: added.fix ?? 'name another file',
  });
}

/** Without its `#`, it is an entry of the list. */
function commentedRule(rule: string, words: string): string {
  return `- ${yamlText(rule)} # ${printable(words)}`;
}

function notes({ rules, looked_up: lookedUp, shared, refused, missed }: Learnt): string[] {
  const silent = rules.filter(({ connected }) => !connected).map(({ rule }) => rule);
  const lines = shared.map(
    (names) =>
      `note: ${list(names)} have one address: which of them was meant cannot be told, so each has a rule`,
  );
  if (silent.length > 0) lines.push(`note: no connection came about with ${list(silent)}`);
  if (lookedUp.length > 0)
    lines.push(
      `note: looked up and never connected to, so without a rule: ${list(lookedUp)}; if their addresses are needed: ${asAllowOptions(lookedUp.slice(0, NAMES_SHOWN))}`,
    );
  const closed = [...new Set(refused.flatMap(missingRules))];
  if (refused.length > 0)
    lines.push(
      `note: ${count(refused.length, 'refusal')} told above: deny rules hold while learning, and special addresses and sockets stay closed; once a rule opens them, learn again${closed.length === 0 ? '' : `: ${asAllowOptions(closed.slice(0, NAMES_SHOWN))}`}`,
    );
  if (missed > 0) lines.push(`note: ${missed} more connects and questions were too many to be kept`);
  return lines;
}

function list(words: readonly string[]): string {
  const more = words.length - NAMES_SHOWN;
  return `${words.slice(0, NAMES_SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

// An output file that is written at the end and must not exist before. Checked at the start, so that no run is lost. A plugin may exchange
// the folders of the path meanwhile, so the file goes to the folder that was there at the start.

export class NewFile {
  readonly #path: string;
  readonly #folder: OwnedFd;

  /** @throws PosternError `output_file` where the path exists or leads through a link, or its folder cannot be written */
  constructor(path: string) {
    this.#path = path;
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined)
      throw new PosternError('output_file', `${quote(path)} exists already`, {
        fix: 'name another file, or remove it',
      });
    try {
      this.#folder = openFolder(dirname(resolve(path)));
      accessSync(`/proc/self/fd/${this.#folder.number}`, constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw cannotWrite(path, cause);
    }
  }

  /** @param mode of the file, before the umask @throws PosternError `output_file` */
  write(text: string, mode = 0o666): void {
    try {
      // With O_EXCL, open(2) follows no link in the name's place.
      writeFileSync(
        /* protects: G14 learn and init: a new file follows no link of a plugin's => this.#path */ `/proc/self/fd/${this.#folder.number}/${basename(this.#path)}`,
        text,
        { flag: 'wx', mode },
      );
    } catch (cause) {
      throw cannotWrite(this.#path, cause);
    } finally {
      this.#folder.close();
    }
  }
}

/** A file of rules that is there at the start, and to which rules are added at the end. A plugin writes neither it nor the name of its folder, as of all files with rules. */
export class UpdatedFile {
  readonly #path: string;
  readonly #folder: OwnedFd;

  /** @throws PosternError `output_file` where the path leads through a link, or its folder cannot be written */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#folder = openFolder(dirname(resolve(path)));
      accessSync(`/proc/self/fd/${this.#folder.number}`, constants.W_OK | constants.X_OK);
      if (!lstatSync(path).isFile()) throw new Error('it is no regular file');
    } catch (cause) {
      throw cannotWrite(path, cause);
    }
  }

  /** @returns whether the text has changed @throws PosternError `output_file` */
  write(change: (text: string) => string): boolean {
    try {
      return replaceFile(`/proc/self/fd/${this.#folder.number}`, basename(this.#path), change);
    } catch (cause) {
      throw cause instanceof PosternError ? cause : cannotWrite(this.#path, cause);
    } finally {
      this.#folder.close();
    }
  }
}

function cannotWrite(path: string, cause: unknown): PosternError {
  return new PosternError('output_file', `Cannot write ${quote(path)}`, {
    fix: 'name a file in a folder that exists, that you may write, and whose path leads through no link',
    cause,
  });
}
