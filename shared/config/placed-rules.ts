// Rules with the file and line that each stands on.
import { diagnoseRule } from '../policy/diagnose-rule.js';
import { type ListName, parseRule } from '../policy/parse-rule.js';
import type { ConfigProblem } from './config-problem.js';
import type { KeyPath, YamlSource } from './yaml-source.js';

export interface PlacedRule {
  readonly text: string;
  /** `FILE:LINE`, or the option that gave it. */
  readonly place: string;
}

/** Rules of one plugin, in their order. */
export interface PlacedRules {
  readonly allow: readonly PlacedRule[];
  readonly deny: readonly PlacedRule[];
}

/** Rules, and what is wrong with those that are none. */
export interface ReadRules extends PlacedRules {
  readonly problems: readonly ConfigProblem[];
}

/** Both lists of a map that has `allow` and `deny`; what is no string there is the schema's to tell. */
export function readRules(source: YamlSource, parent: KeyPath): ReadRules {
  const problems: ConfigProblem[] = [];
  const read = (list: ListName): PlacedRule[] => {
    return source.textsAt([...parent, list]).flatMap(({ key, text }) => {
      if (parseRule(text, list) !== undefined) return [{ text, place: source.lineOf(key) }];
      const { message, suggestion } = diagnoseRule(text, list);
      problems.push(
        source.problem(key, message, suggestion === undefined ? undefined : `write "${suggestion}"`),
      );
      return [];
    });
  };
  return { allow: read('allow'), deny: read('deny'), problems };
}

export function joinRules(parts: readonly PlacedRules[]): PlacedRules {
  return { allow: parts.flatMap(({ allow }) => allow), deny: parts.flatMap(({ deny }) => deny) };
}
