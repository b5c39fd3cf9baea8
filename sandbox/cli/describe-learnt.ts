// Prints the learnt rules as lines for a person. Each list of rules is one line, to be copied without its `postern: `.
import { quote } from '../../shared/policy/quote.js';
import { yamlText } from '../../shared/printable.js';
import type { Learnt } from '../supervisor/learn/learnt.js';
import type { LiveLearnt } from '../supervisor/learn/live-learner.js';
import { asRuleOption, asYamlItems } from './pasted-rule.js';

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
export function describeLive(learnt: LiveLearnt, plugin: string, file?: string): readonly string[] {
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
