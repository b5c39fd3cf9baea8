// What a stack of seccomp filters decides about one system call: a tree of comparisons of its arguments. Pure.
import type { ArgumentMatch, Filter, FilterAction, FilterRule } from './filter.js';

/** An action, or a comparison of some bits of a word of the call, and what follows from it. */
export type Decision = Answer | Comparison;
export interface Answer {
  readonly action: FilterAction;
}
export interface Comparison {
  readonly word: Word;
  readonly mask: number;
  readonly equals: number;
  readonly yes: Decision;
  readonly no: Decision;
}

/** A half of an argument: two times the argument's index, and 1 for the upper half. */
export type Word = number;

export function isAnswer(decision: Decision): decision is Answer {
  return 'action' in decision;
}

const ALL_BITS = 0xffffffff;
const ALLOW: Answer = { action: 'allow' };

/** The rules of a filter for one call. */
export interface CallRules {
  readonly otherwise: FilterAction;
  readonly rules: readonly FilterRule[];
}

/**
 * The decision of stacked filters, seccomp(2): the strictest action counts, and of two errnos that of the filter loaded last. So the filters are
 * asked from the last to the first, and where one allows the call, the next one is asked.
 *
 * @param stack in the order in which they would be loaded. Only the first may have the action `notify`: the others are asked before it, so that their
 *   errno counts
 */
export function decideCall(stack: readonly CallRules[]): Decision {
  let next: Decision = ALLOW;
  for (const {
    otherwise,
    rules,
  } of /* protects: G4 the filter loaded last is asked first => [...$&].reverse() */ stack) {
    const allowed = next;
    const after = (action: FilterAction): Decision =>
      /* protects: G4 what one filter allows, the next one is asked (whole) => ({ action }) */ action ===
      'allow'
        ? allowed
        : { action };
    next = rules.reduceRight(
      (no: Decision, { action, when = [] }) =>
        when.reduceRight((yes, match) => compare(match, yes, no), after(action)),
      after(otherwise),
    );
  }
  return next;
}

function compare(
  { index, mask = ALL_BITS, equals, not }: ArgumentMatch,
  yes: Decision,
  no: Decision,
): Decision {
  // It would never match, and a rule that refuses would refuse nothing.
  if ((equals & ~mask) !== 0)
    throw new RangeError(`No argument has the bits ${equals} under the mask ${mask}`);
  if (not === true && mask !== ALL_BITS) throw new RangeError('A rule for other values has a mask');
  const word = 2 * index;
  if (not !== true) return { word, mask: mask >>> 0, equals: equals >>> 0, yes, no };
  const upper: Comparison = { word: word + 1, mask: ALL_BITS, equals: 0, yes: no, no: yes };
  return { word, mask: ALL_BITS, equals: equals >>> 0, yes: upper, no: yes };
}

/** For each call that a filter names, its rules in all filters. Calls with the same rules have the same object: most calls do. */
export function rulesByCall(stack: readonly Filter[]): ReadonlyMap<string, readonly CallRules[]> {
  const all = stack.flatMap((filter, at) => filter.rules.map((rule) => ({ at, rule })));
  const ofCall = new Map<string, number[]>();
  for (const [number, { rule }] of all.entries())
    for (const call of rule.calls) {
      const numbers = ofCall.get(call);
      if (numbers === undefined) ofCall.set(call, [number]);
      else numbers.push(number);
    }
  const found = new Map<string, readonly CallRules[]>();
  const pick = (numbers: readonly number[]): readonly CallRules[] => {
    const own = new Set(numbers);
    const rules = all.filter((_, number) => own.has(number));
    return stack.map(({ otherwise }, at) => ({
      otherwise,
      rules: rules.filter((each) => each.at === at).map(({ rule }) => rule),
    }));
  };
  return new Map(
    [...ofCall].map(([call, numbers]) => {
      const key = numbers.join();
      const picked = found.get(key) ?? pick(numbers);
      found.set(key, picked);
      return [call, picked];
    }),
  );
}
