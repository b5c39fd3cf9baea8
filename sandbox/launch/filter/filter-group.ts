// A group of filter rules: one protection, with its name and its reason.
import type { FilterRule } from '../../../shared/sys/filter.js';

/** The rules of one protection, under its name. */
export interface FilterGroup {
  readonly name: string;
  readonly why: string;
  readonly rules: readonly FilterRule[];
}
