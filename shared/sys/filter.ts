// A seccomp filter as data: which system calls it allows, refuses or reports. Pure.
import { constants } from 'node:os';

/**
 * The action of a rule: allow the call, report it to a listener, return 0 without the call (`skip`), or fail it with an errno, by name.
 */
export type FilterAction = 'allow' | 'report' | 'skip' | keyof typeof FILTER_ERRNOS;
/** Node does not name all of Linux. */
export const FILTER_ERRNOS: typeof constants.errno & { readonly ESOCKTNOSUPPORT: number } = {
  ...constants.errno,
  ESOCKTNOSUPPORT: 94,
};

/**
 * A comparison of one argument under a 32-bit mask. The kernel reads an int and ignores the upper half of the register. A 64-bit comparison
 * could therefore be tricked by high bits.
 */
export interface ArgumentMatch {
  readonly index: 0 | 1 | 2 | 3 | 4 | 5;
  /** The bits that are compared. Missing: all 32 bits of an int. */
  readonly mask?: number;
  readonly equals: number;
  /** Matches every other value of all 64 bits, without a mask. Only for refusals, so that high bits are refused too. */
  readonly not?: true;
}

export interface FilterRule {
  readonly calls: readonly string[];
  readonly action: FilterAction;
  /** All must match. Without one, the rule always matches. */
  readonly when?: readonly ArgumentMatch[];
}

/** A filter: its rules, of which the first that matches counts, and the action for every other call. */
export interface Filter {
  readonly otherwise: FilterAction;
  readonly rules: readonly FilterRule[];
}
