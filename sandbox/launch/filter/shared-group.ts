// For a plugin in the process group of whoever started postern, as the programs of a pipeline at a terminal share one.
import type { Filter } from '../../../shared/sys/seccomp.js';

/** kill(2) of the caller's own group knows no pid namespace. Landlock (6.12) sees to it as well. */
export const SHARED_GROUP_FILTER: Filter = {
  otherwise: 'allow',
  rules: [{ calls: ['kill'], action: 'EPERM', when: [{ index: 0, equals: 0 }] }],
};
