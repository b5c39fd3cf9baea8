// For a plugin in the process group of whoever started postern, as the programs of a pipeline at a terminal share one.
import type { Filter, FilterRule } from '../../../shared/sys/seccomp.js';

const PRIO_PGRP = 1;
const IOPRIO_WHO_PGRP = 2;

/** kill(2), setpriority(2) and ioprio_set(2) of the caller's own group know no pid namespace. Landlock (6.12) sees to signals as well. */
export const SHARED_GROUP_FILTER: Filter = {
  otherwise: 'allow',
  rules: [
    { calls: ['kill'], action: 'EPERM', when: [{ index: 0, equals: 0 }] },
    { calls: ['setpriority'], action: 'EPERM', when: ofOwnGroup(PRIO_PGRP) },
    { calls: ['ioprio_set'], action: 'EPERM', when: ofOwnGroup(IOPRIO_WHO_PGRP) },
  ],
};

function ofOwnGroup(which: number): NonNullable<FilterRule['when']> {
  return [
    { index: 0, equals: which },
    { index: 1, equals: 0 },
  ];
}
