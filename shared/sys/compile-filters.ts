// Compiles stacked seccomp filters, written as data, into one program of classic BPF. Pure, except that it asks libseccomp for the numbers of calls.
// libseccomp compiles each filter alone, and the kernel runs every filter of a process for each call whose arguments one of them judges.
//
// A stack decides by the call's number, then by its arguments. The plan orders the comparisons. The code is what the kernel runs.
//
// The rules of the kernel are those of bpf_check_classic (net/core/filter.c), seccomp_check_filter and seccomp_run_filters (kernel/seccomp.c):
// - A program has 1 to 4096 instructions, and ends with a return. FilterCode writes it from its end, and each jump needs a place to lead to. So a return is
//   written first.
// - A jump leads ahead, a conditional one over 255 instructions at most. FilterCode adds an unconditional one where that is too few.
// - A load reads one aligned word of struct seccomp_data: of an argument the lower or the upper half. Both architectures are little-endian.
// - Values have 32 bits and no sign. A rule compares the lower half, as the kernel does for an int. `not` compares both.
// - A number means another call in another ABI. So the architecture is compared first, then the bit of x32, which has the architecture of x86-64.
// - The strictest action counts: an errno, then a report, then leave. Of two errnos that of the filter loaded last counts.
// - A call that is allowed by its number alone runs no filter: the kernel tries each number at load time. So no argument is loaded before it is needed.

import { PosternError } from '../errors.js';
import { callNumber } from './call-numbers.js';
import {
  type ArgumentMatch,
  FILTER_ERRNOS,
  type Filter,
  type FilterAction,
  type FilterRule,
} from './filter.js';
import type { FilterProgram } from './filter-program.js';
import { LAYOUT } from './layout.js';

const DATA = LAYOUT['struct seccomp_data'];
/** BPF_MAXINSNS. */
const MOST_INSTRUCTIONS = 4096;
/** The numbers of x32, the ABI of x86-64 with short pointers, have this bit, syscall(2). */
const X32 = 0x40000000;
/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64. */
const ARCHITECTURES: Readonly<Record<string, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };

/**
 * One program that answers as these filters do when they are stacked, seccomp(2). Calls of another ABI (i386, x32) get ENOSYS. A rule leaves out a call that
 * this architecture does not have: nobody can make it.
 *
 * @param stack in the order in which they would be loaded. Only the first may have the action `report`
 * @param numberOf the number of a call by its name, negative for a call that this architecture does not have
 * @throws PosternError `seccomp` for an unknown call, and for more instructions than the kernel takes; `missing_library` without libseccomp
 */
export function compileFilters(
  stack: readonly Filter[],
  numberOf: (call: string) => number = callNumber,
): FilterProgram {
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined)
    throw cannotCompile(`postern does not know the architecture ${process.arch}`);
  if (stack.slice(1).some(reports)) throw cannotCompile('only the first filter may report calls');
  const planner = new Planner();
  const plans = new Map<number, Plan>();
  const planned = new Map<readonly CallRules[], Plan>();
  const planOf = (rules: readonly CallRules[]): Plan => {
    const plan = planned.get(rules) ?? planner.plan(decideCall(rules));
    planned.set(rules, plan);
    return plan;
  };
  for (const [call, rules] of rulesByCall(stack)) {
    const number = numberOf(call);
    if (plans.has(number)) throw cannotCompile(`the call ${number} has two names, of which "${call}" is one`);
    if (number >= 0) plans.set(number, planOf(rules));
  }
  const unknown = planner.plan(decideCall(stack.map(({ otherwise }) => ({ otherwise, rules: [] }))));
  const foreign = planner.plan({ action: 'ENOSYS' });
  const code = new FilterCode();
  const own = loadAndSearch(code, withX32(rangesOf(plans, unknown), foreign));
  code.ifEqual(
    architecture,
    own,
    /* protects: G4 calls of another ABI are refused => own */ code.write(foreign),
  );
  code.load(DATA.arch);
  if (code.length > MOST_INSTRUCTIONS)
    throw cannotCompile(`${code.length} instructions are more than ${MOST_INSTRUCTIONS}`);
  return code.bytes();
}

function reports({ otherwise, rules }: Filter): boolean {
  return otherwise === 'report' || rules.some(({ action }) => action === 'report');
}

function loadAndSearch(code: FilterCode, ranges: readonly Range[]): number {
  code.search(ranges);
  return code.load(DATA.nr);
}

function withX32(ranges: readonly Range[], foreign: Plan): readonly Range[] {
  return /* protects: G4 calls of x32 are refused => false */ process.arch === 'x64'
    ? [...ranges, { from: X32, to: foreign }]
    : ranges;
}

function cannotCompile(why: string): PosternError {
  return new PosternError('seccomp', `Cannot compile the filters: ${why}`, { fields: { step: 'compile' } });
}

// What a stack of seccomp filters decides about one system call: a tree of comparisons of its arguments. Pure.

/** An action, or a comparison of some bits of a word of the call, and what follows from it. */
type Decision = Answer | Comparison;
interface Answer {
  readonly action: FilterAction;
}
interface Comparison {
  readonly word: Word;
  readonly mask: number;
  readonly equals: number;
  readonly yes: Decision;
  readonly no: Decision;
}

/** A half of an argument: two times the argument's index, and 1 for the upper half. */
type Word = number;

function isAnswer(decision: Decision): decision is Answer {
  return 'action' in decision;
}

const ALL_BITS = 0xffffffff;
const ALLOW: Answer = { action: 'allow' };

/** The rules of a filter for one call. */
interface CallRules {
  readonly otherwise: FilterAction;
  readonly rules: readonly FilterRule[];
}

/**
 * The decision of stacked filters, seccomp(2): the strictest action counts, and of two errnos that of the filter loaded last. So the filters are
 * asked from the last to the first, and where one allows the call, the next one is asked.
 *
 * @param stack in the order in which they would be loaded. Only the first may have the action `report`: the others are asked before it, so that their
 *   errno counts
 */
function decideCall(stack: readonly CallRules[]): Decision {
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
  // It would never match, or match other values: a rule that refuses would refuse nothing.
  if (equals >>> 0 !== equals || mask >>> 0 !== mask || (equals & ~mask) !== 0)
    throw new RangeError(`No argument has the bits ${equals} under the mask ${mask}`);
  if (not === true && mask !== ALL_BITS) throw new RangeError('A rule for other values has a mask');
  const word = 2 * index;
  if (not !== true) return { word, mask, equals, yes, no };
  const upper: Comparison = { word: word + 1, mask: ALL_BITS, equals: 0, yes: no, no: yes };
  return { word, mask: ALL_BITS, equals, yes: upper, no: yes };
}

/** For each call that a filter names, its rules in all filters. Calls with the same rules have the same object: most calls do. */
function rulesByCall(stack: readonly Filter[]): ReadonlyMap<string, readonly CallRules[]> {
  const ofCall = new Map<string, PlacedRule[]>();
  let number = 0;
  for (const [at, filter] of stack.entries())
    for (const rule of filter.rules) {
      const placed = { at, number, rule };
      for (const call of rule.calls) {
        const own = ofCall.get(call);
        if (own === undefined) ofCall.set(call, [placed]);
        // A rule may name a call twice.
        else if (own.at(-1) !== placed) own.push(placed);
      }
      number += 1;
    }
  const found = new Map<string, readonly CallRules[]>();
  const result = new Map<string, readonly CallRules[]>();
  for (const [call, own] of ofCall) {
    const key = own.map(({ number }) => number).join();
    const picked =
      found.get(key) ??
      stack.map(({ otherwise }, at) => ({
        otherwise,
        rules: own.filter((each) => each.at === at).map(({ rule }) => rule),
      }));
    found.set(key, picked);
    result.set(call, picked);
  }
  return result;
}

/** A rule, with the place of its filter in the stack, and its own among all rules. */
interface PlacedRule {
  readonly at: number;
  readonly number: number;
  readonly rule: FilterRule;
}

// Orders the comparisons of a decision so that few are made for any one call. Pure.

/** What a filter does: an action, or a choice by some bits of a word. Equal plans are the same object. */
type Plan = Answer | Choice;
interface Choice {
  readonly word: Word;
  readonly mask: number;
  /** For values of the bits under the mask. */
  readonly cases: ReadonlyMap<number, Plan>;
  readonly otherwise: Plan;
}

function isChoice(plan: Plan): plan is Choice {
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
class Planner {
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

// Writes plans as classic BPF, linux/filter.h: the instructions of a seccomp filter. Pure.

const LOAD = 0x20;
const AND = 0x54;
const JUMP = 0x05;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_AT_LEAST = 0x35;
const RETURN = 0x06;
const RET_ALLOW = 0x7fff0000;
const RET_USER_NOTIF = 0x7fc00000;
const RET_ERRNO = 0x00050000;
/** A conditional jump counts the instructions in between in one byte. */
const FARTHEST = 255;
const INSTRUCTION = LAYOUT['struct sock_filter'];

/** Where an instruction is: the number of those behind it. A jump only leads ahead, so the program is written from its end. */
type Place = number;
/** The values from `from` up to the next range, and what follows for them. */
interface Range {
  readonly from: number;
  readonly to: Plan;
}

interface Instruction {
  readonly code: number;
  readonly yes: number;
  readonly no: number;
  readonly k: number;
}

/** A program that is written from its end to its start. */
export class FilterCode {
  readonly #backwards: Instruction[] = [];
  readonly #places = new Map<Plan, Place>();

  get length(): number {
    return this.#backwards.length;
  }

  write(plan: Plan): Place {
    const written = this.#places.get(plan);
    if (written !== undefined && (isChoice(plan) || this.#isNear(written))) return written;
    const place = isChoice(plan) ? this.#choice(plan) : this.#add(RETURN, codeOf(plan.action));
    this.#places.set(plan, place);
    return place;
  }

  #choice({ word, mask, cases, otherwise }: Choice): Place {
    this.search(rangesOf(cases, otherwise));
    if (mask !== ALL_BITS) this.#add(AND, mask);
    return this.load(DATA.args + 4 * word);
  }

  /** Finds the range of the loaded word. */
  search(ranges: readonly Range[]): Place {
    const [first, middle, last] = ranges;
    if (first === undefined) throw new Error('There is no range');
    if (middle === undefined) return this.write(first.to);
    if (ranges.length === 3 && last !== undefined && first.to === last.to && last.from === middle.from + 1)
      return this.#branch(JUMP_IF_EQUAL, middle.from, this.write(middle.to), this.write(first.to));
    const half = ranges.length >> 1;
    const upper = ranges.slice(half);
    const above = this.search(upper);
    const below = this.search(ranges.slice(0, half));
    return this.#branch(JUMP_IF_AT_LEAST, upper[0]?.from ?? 0, above, below);
  }

  ifEqual(value: number, yes: Place, no: Place): Place {
    return this.#branch(JUMP_IF_EQUAL, value, yes, no);
  }

  load(offset: number): Place {
    return this.#add(LOAD, offset);
  }

  #branch(code: number, k: number, yes: Place, no: Place): Place {
    // A place that is too far away gets a longer jump in between.
    const nearYes = this.#isNear(yes, 2) ? yes : this.#add(JUMP, this.#distance(yes));
    const nearNo = this.#isNear(no, 1) ? no : this.#add(JUMP, this.#distance(no));
    return this.#add(code, k, this.#distance(nearYes), this.#distance(nearNo));
  }

  #isNear(place: Place, more = 2): boolean {
    return this.#distance(place) + more <= FARTHEST;
  }

  #distance(place: Place): number {
    return this.length - place - 1;
  }

  #add(code: number, k: number, yes = 0, no = 0): Place {
    return this.#backwards.push({ code, yes, no, k }) - 1;
  }

  /** @returns structs sock_filter, from the instruction written last on */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.length * INSTRUCTION.size);
    const view = new DataView(bytes.buffer);
    let at = bytes.length;
    for (const { code, yes, no, k } of this.#backwards) {
      at -= INSTRUCTION.size;
      if (yes > FARTHEST || no > FARTHEST)
        throw new RangeError(`No jump leads over ${yes} or ${no} instructions`);
      view.setUint16(at, code, true);
      view.setUint8(at + INSTRUCTION.jt, yes);
      view.setUint8(at + INSTRUCTION.jf, no);
      view.setUint32(at + INSTRUCTION.k, k, true);
    }
    return bytes;
  }
}

/** All values, in ascending ranges of which no two neighbours lead to the same. */
function rangesOf(cases: ReadonlyMap<number, Plan>, otherwise: Plan): readonly Range[] {
  const ranges: Range[] = [];
  const add = (from: number, to: Plan): void => {
    if (ranges.at(-1)?.from === from) ranges.pop();
    if (ranges.at(-1)?.to !== to) ranges.push({ from, to });
  };
  add(0, otherwise);
  // A start compiles filters once, in code that V8 has not optimized: there a comparison that takes its pairs apart costs a fifth of all.
  for (const [value, plan] of [...cases].sort((one, other) => one[0] - other[0])) {
    add(value, plan);
    if (value < ALL_BITS) add(value + 1, otherwise);
  }
  return ranges;
}

function codeOf(action: FilterAction): number {
  if (action === 'allow') return RET_ALLOW;
  if (action === 'report') return RET_USER_NOTIF;
  // The kernel does not execute the call, and returns minus the errno, here 0.
  return action === 'skip' ? RET_ERRNO : RET_ERRNO | FILTER_ERRNOS[action];
}
