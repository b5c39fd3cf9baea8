// A policy, and the source that it is compiled from.
import type { Mode } from '../words.js';
import type { HttpRules } from './http-rules.js';
import type { ListName } from './parse-rule.js';
import type { RuleIndex } from './rule-index.js';

/** A plugin's rules. An empty allow list denies all. */
export interface PolicySource {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** Missing: `enforce`. `audit` allows and reports what no rule allows. */
  readonly mode?: Mode;
}

/** What plugins may reach at most. */
export interface Boundary extends PolicySource {
  /** Hosts that are reached by a gateway alone, with the requests that it may let through. */
  readonly gateway?: ReadonlyMap<string, HttpRules>;
}

/** An error in a rule, or a warning about it. */
export interface RuleProblem {
  readonly list: ListName;
  /** Its position, from 0. */
  readonly index: number;
  readonly text: string;
  readonly message: string;
  /** A rule to write instead. */
  readonly suggestion?: string;
  /** The rule that covers it. */
  readonly coveredBy?: { readonly list: ListName; readonly index: number };
}

/** Rules in force, indexed. */
export interface Policy {
  /** SHA-256 in hexadecimal of the rules, in their order, and the mode. */
  readonly hash: string;
  readonly mode: Mode;
  readonly counts: { readonly allow: number; readonly deny: number };
  readonly allow: RuleIndex;
  readonly deny: RuleIndex;
}

export type CompileResult =
  | { readonly ok: true; readonly policy: Policy; readonly warnings: readonly RuleProblem[] }
  | { readonly ok: false; readonly problems: readonly RuleProblem[] };
