// Writes plans as classic BPF, linux/filter.h: the instructions of a seccomp filter. Pure.
import { constants } from 'node:os';
import type { FilterAction } from './filter.js';
import { type Choice, isChoice, type Plan } from './filter-plan.js';
import { LAYOUT } from './layout.js';

const LOAD = 0x20;
const AND = 0x54;
const JUMP = 0x05;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_AT_LEAST = 0x35;
const RETURN = 0x06;
const RET_ALLOW = 0x7fff0000;
const RET_USER_NOTIF = 0x7fc00000;
const RET_ERRNO = 0x00050000;
const ALL_BITS = 0xffffffff;
/** A conditional jump counts the instructions in between in one byte. */
const FARTHEST = 255;
const INSTRUCTION = LAYOUT['struct sock_filter'];
const DATA = LAYOUT['struct seccomp_data'];

/** Where an instruction is: the number of those behind it. A jump only leads ahead, so the program is written from its end. */
export type Place = number;
/** The values from `from` up to the next range, and what follows for them. */
export interface Range {
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
    for (const [behind, { code, yes, no, k }] of this.#backwards.entries()) {
      const at = (this.length - 1 - behind) * INSTRUCTION.size;
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
export function rangesOf(cases: ReadonlyMap<number, Plan>, otherwise: Plan): readonly Range[] {
  const ranges: Range[] = [];
  const add = (from: number, to: Plan): void => {
    if (ranges.at(-1)?.from === from) ranges.pop();
    if (ranges.at(-1)?.to !== to) ranges.push({ from, to });
  };
  add(0, otherwise);
  for (const [value, plan] of [...cases].sort(([a], [b]) => a - b)) {
    add(value, plan);
    if (value < ALL_BITS) add(value + 1, otherwise);
  }
  return ranges;
}

function codeOf(action: FilterAction): number {
  if (action === 'allow') return RET_ALLOW;
  if (action === 'notify') return RET_USER_NOTIF;
  // The kernel does not execute the call, and returns minus the errno, here 0.
  return action === 'skip' ? RET_ERRNO : RET_ERRNO | constants.errno[action];
}
