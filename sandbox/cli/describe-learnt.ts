// What learn found, as text, and the new file that learn and init write.

import { accessSync, constants, lstatSync, writeFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { PosternError } from '../../shared/errors.js';
import { quote } from '../../shared/policy/quote.js';
import { yamlText } from '../../shared/printable.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Learnt } from '../supervisor/learn/learner.js';
import { asRuleOption, asYamlItems } from './refusal-line.js';

// Prints the learnt rules as lines for a person. Each list of rules is one line, to be copied without its `postern: `.

const NAMES_SHOWN = 10;

/** @param file where the rules were written */
export function describeLearnt(learnt: Learnt, file?: string): readonly string[] {
  const { rules } = learnt;
  const texts = rules.map(({ rule }) => rule);
  return [
    texts.length === 0
      ? 'learnt no rule: the program connected to nobody whom the rules do not allow'
      : `learnt ${count(texts.length, 'rule')}, as options and as a list for postern.yaml:`,
    ...(texts.length === 0 ? [] : [asOptions(texts), `allow: [${asYamlItems(texts)}]`]),
    ...(file === undefined
      ? []
      : [`written to ${quote(file)}: use it by --rules, beside the rules that learn was given`]),
    ...notes(learnt),
  ];
}

/** What a running plugin was missing. @param file where the rules were written */
export function describeLive(learnt: Learnt, plugin: string, file?: string): readonly string[] {
  const { rules, refused, assumed, requests } = learnt;
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
    ...requests.map(({ host, allow }) => `requests of a gateway: ${host}: {allow: [${asYamlItems(allow)}]}`),
    ...closed.slice(0, NAMES_SHOWN).map((message) => `note: no rule is suggested for this: ${message}`),
    ...(more > 0 ? [`note: and ${more} more for which none is suggested`] : []),
  ];
}

/** A file for --rules and `presets`. @param what says what the plugin did with the destinations */
export function ruleFileOf(
  { rules, looked_up: lookedUp }: Learnt,
  plugin: string,
  what = 'connected to',
): string {
  const texts = rules.map(({ rule }) => yamlText(rule));
  const asked = lookedUp.map((name) => `#  - ${yamlText(name)}`);
  return [
    `# What ${plugin} ${what}, by postern learn.`,
    ...(texts.length === 0 ? ['allow: []'] : ['allow:', ...texts.map((text) => `  - ${text}`)]),
    ...(asked.length === 0 ? [] : ['# Looked up and never connected to:', ...asked]),
    '',
  ].join('\n');
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
      `note: looked up and never connected to, so without a rule: ${list(lookedUp)}; if their addresses are needed: ${asOptions(lookedUp.slice(0, NAMES_SHOWN))}`,
    );
  if (refused.length > 0)
    lines.push(
      `note: ${count(refused.length, 'refusal')} told above: deny rules hold while learning, and special addresses and sockets stay closed; once a rule opens them, learn again`,
    );
  if (missed > 0) lines.push(`note: ${missed} more connects and questions were too many to be kept`);
  return lines;
}

function asOptions(rules: readonly string[]): string {
  return rules.map((rule) => asRuleOption('allow', rule)).join(' ');
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

function cannotWrite(path: string, cause: unknown): PosternError {
  return new PosternError('output_file', `Cannot write ${quote(path)}`, {
    fix: 'name a file in a folder that exists, that you may write, and whose path leads through no link',
    cause,
  });
}
