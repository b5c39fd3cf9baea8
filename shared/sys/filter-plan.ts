// Orders the comparisons of a decision so that few are made for any one call. Pure.
import type { Answer, Comparison, Decision, Word } from './filter-decision.js';
import { isAnswer } from './filter-decision.js';

/** What a filter does: an action, or a choice by some bits of a word. Equal plans are the same object. */
export type Plan = Answer | Choice;
export interface Choice {
  readonly word: Word;
  readonly mask: number;
  /** For values of the bits under the mask. */
  readonly cases: ReadonlyMap<number, Plan>;
  readonly otherwise: Plan;
}

export function isChoice(plan: Plan): plan is Choice {
  return 'cases' in plan;
}

/** What is known where a comparison is reached. */
interface Known {
  readonly bits: ReadonlyMap<Word, { readonly mask: number; readonly value: number }>;
  /** Comparisons that did not hold. */
  readonly failed: readonly Comparison[];
}

const NOTHING: Known = { bits: new Map(), failed: [] };

/** Makes plans. One planner makes equal plans only once. */
export class Planner {
  readonly #made = new Map<string, Plan>();
  readonly #ids = new Map<Plan, number>();

  /**
   * Comparisons of one word that follow each other, and have bits in common, become a choice by these bits. Each case of it has the comparisons that can
   * still hold, in their order.
   */
  plan(decision: Decision): Plan {
    return this.#plan(decision, NOTHING);
  }

  #plan(from: Decision, known: Known): Plan {
    const decision = skipKnown(from, known);
    if (isAnswer(decision)) return this.#once(decision.action, () => decision);
    const { comparisons, bits, rest, without } = collect(decision, known);
    const { word } = decision;
    const before = known.bits.get(word) ?? { mask: 0, value: 0 };
    const cases = new Map<number, Plan>();
    for (const comparison of comparisons) {
      const value = (comparison.equals & bits) >>> 0;
      if (cases.has(value)) continue;
      const now = { mask: (before.mask | bits) >>> 0, value: (before.value | value) >>> 0 };
      // The comparisons before this one need other values of these bits, so none of them holds.
      cases.set(value, this.#plan(comparison, { ...known, bits: new Map(known.bits).set(word, now) }));
    }
    return this.#choice(word, bits, cases, this.#plan(rest, without));
  }

  #choice(word: Word, mask: number, all: ReadonlyMap<number, Plan>, otherwise: Plan): Plan {
    const cases = new Map([...all].filter(([, plan]) => plan !== otherwise));
    if (cases.size === 0) return otherwise;
    const parts = [...cases].map(([value, plan]) => `${value}=${this.#ids.get(plan)}`);
    const key = `${word}&${mask}:${parts.join()}:${this.#ids.get(otherwise)}`;
    return this.#once(key, () => ({ word, mask, cases, otherwise }));
  }

  #once(key: string, make: () => Plan): Plan {
    const made = this.#made.get(key);
    if (made !== undefined) return made;
    const plan = make();
    this.#made.set(key, plan);
    this.#ids.set(plan, this.#ids.size);
    return plan;
  }
}

/** @returns what follows from what is known */
function skipKnown(from: Decision, known: Known): Decision {
  let decision = from;
  while (!isAnswer(decision)) {
    const result = holds(decision, known);
    if (result === undefined) return decision;
    decision = result ? decision.yes : decision.no;
  }
  return decision;
}

/** @returns undefined if it depends on bits that are not known */
function holds({ word, mask, equals }: Comparison, { bits, failed }: Known): boolean | undefined {
  const { mask: seen, value } = bits.get(word) ?? { mask: 0, value: 0 };
  if (((value ^ equals) & mask & seen) !== 0) return false;
  if ((mask & ~seen) === 0) return true;
  const asked = mask | seen;
  const wanted = (equals & mask) | (value & seen);
  // It can only hold where another one holds too, and that one does not.
  for (const other of failed)
    if (other.word === word && (other.mask & ~asked) === 0 && (wanted & other.mask) >>> 0 === other.equals)
      return false;
  return undefined;
}

interface Chain {
  readonly comparisons: readonly Comparison[];
  /** Bits, not known yet, that all of them compare. */
  readonly bits: number;
  /** What follows if none of them holds. */
  readonly rest: Decision;
  readonly without: Known;
}

function collect(first: Comparison, known: Known): Chain {
  const { word } = first;
  const seen = known.bits.get(word)?.mask ?? 0;
  const comparisons: Comparison[] = [];
  const failed = [...known.failed];
  let bits = ~seen >>> 0;
  let rest: Decision = first;
  while (!isAnswer(rest) && rest.word === word) {
    const result = holds(rest, { bits: known.bits, failed });
    if (result === undefined) {
      const common = (bits & rest.mask) >>> 0;
      if (common === 0) break;
      bits = common;
      comparisons.push(rest);
      failed.push(rest);
    }
    rest = result === true ? rest.yes : rest.no;
  }
  return { comparisons, bits, rest, without: { bits: known.bits, failed } };
}
