// Rules for a plugin that shares its process group with the programs of its user, for example in a pipeline at a terminal.
import type { Filter, FilterRule } from '../../../shared/sys/seccomp.js';

const PRIO_PGRP = 1;
const IOPRIO_WHO_PGRP = 2;

/** kill(2), setpriority(2) and ioprio_set(2) on the own group ignore pid namespaces. Landlock (6.12) stops the signals too. */
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
