// A group of filter rules: one protection, with its name and its reason.
import type { FilterRule } from '../../../shared/sys/seccomp.js';

/** A group of rules that stands for one protection and can be told by its name. */
export interface FilterGroup {
  readonly name: string;
  readonly why: string;
  readonly rules: readonly FilterRule[];
}
