// Rules, each with its file and line.
import { diagnoseRule } from '../policy/diagnose-rule.js';
import { type ListName, parseRule } from '../policy/parse-rule.js';
import { yamlText } from '../printable.js';
import type { ConfigProblem } from './config-problem.js';
import type { KeyPath, YamlSource } from './yaml-source.js';

interface PlacedRule {
  readonly text: string;
  /** `FILE:LINE`, or the option on the command line. */
  readonly place: string;
}

/** The rules of one plugin, in their order. */
export interface PlacedRules {
  readonly allow: readonly PlacedRule[];
  readonly deny: readonly PlacedRule[];
}

/** Rules, and the problems of those that are invalid. */
export interface ReadRules extends PlacedRules {
  readonly problems: readonly ConfigProblem[];
}

/** Reads both lists of a map with `allow` and `deny`. The schema reports values that are no strings. */
export function readRules(source: YamlSource, parent: KeyPath): ReadRules {
  const problems: ConfigProblem[] = [];
  const read = (list: ListName): PlacedRule[] => {
    return source.textsAt([...parent, list]).flatMap(({ key, text }) => {
      if (parseRule(text, list) !== undefined) return [{ text, place: source.lineOf(key) }];
      const { message, suggestion } = diagnoseRule(text, list);
      problems.push(
        source.problem(key, message, suggestion === undefined ? undefined : `write ${yamlText(suggestion)}`),
      );
      return [];
    });
  };
  return { allow: read('allow'), deny: read('deny'), problems };
}

export function joinRules(parts: readonly PlacedRules[]): PlacedRules {
  return { allow: parts.flatMap(({ allow }) => allow), deny: parts.flatMap(({ deny }) => deny) };
}
