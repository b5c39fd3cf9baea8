// The ids that a plugin of a user may name in a call that sets ids: its own, and -1, which keeps one. Its user namespace has no other. There
// the kernel answers EINVAL, but outside an ordinary user reads EPERM, and programs handle that one.
import type { ArgumentMatch, FilterRule } from '../../../shared/sys/filter.js';
import type { FilterGroup } from './filter-group.js';

/** Ids of the plugin, where its user namespace has no others. */
export interface OnlyIds {
  readonly uid: number;
  readonly gid: number;
}

type Index = ArgumentMatch['index'];
const KEEP = 0xffffffff;

/** @param ids by the index of their argument @returns a rule for each choice of an own id or -1 for each argument */
function rules(
  calls: readonly string[],
  ids: readonly (readonly [index: Index, own: number])[],
): FilterRule[] {
  let choices: ArgumentMatch[][] = [[]];
  for (const [index, own] of ids)
    choices = choices.flatMap((before) => [own, KEEP].map((equals) => [...before, { index, equals }]));
  return choices.map((when) => ({ calls, action: 'allow', when }));
}

export function ownIds({ uid, gid }: OnlyIds): FilterGroup {
  const same = (own: number, indexes: readonly Index[]): (readonly [Index, number])[] =>
    indexes.map((index) => [index, own]);
  return {
    name: 'seccomp.own_ids',
    why: 'a program that may not change an id reads EPERM outside, and would read EINVAL',
    rules: [
      ...rules(
        ['chown', 'lchown', 'fchown'],
        [
          [1, uid],
          [2, gid],
        ],
      ),
      ...rules(
        ['fchownat'],
        [
          [2, uid],
          [3, gid],
        ],
      ),
      ...rules(['setuid'], same(uid, [0])),
      ...rules(['setreuid'], same(uid, [0, 1])),
      ...rules(['setresuid'], same(uid, [0, 1, 2])),
      ...rules(['setgid'], same(gid, [0])),
      ...rules(['setregid'], same(gid, [0, 1])),
      ...rules(['setresgid'], same(gid, [0, 1, 2])),
    ],
  };
}
