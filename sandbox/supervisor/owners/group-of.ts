// Finds the group that a plugin may have as the owner of a folder: it must get no rights of a group that the owner is not in. Pure.

export interface Accounts {
  /** The text of passwd(5). */
  readonly passwd: string;
  /** The text of group(5). */
  readonly group: string;
}

/**
 * @param uid the folder's owner
 * @param gid the folder's group
 * @returns the folder's group where its owner is root or a member of it, or has no name and the group has the same number. Else the
 *   owner's primary group; undefined where none is known.
 */
export function groupOf(uid: number, gid: number, { passwd, group }: Accounts): number | undefined {
  if (uid === 0) return gid;
  const [name, , , primary] = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, , id]) => id === String(uid)) ?? [undefined];
  if (name === undefined || primary === undefined) return uid === gid ? gid : undefined;
  const isMember = group
    .split('\n')
    .map((line) => line.split(':'))
    .some(([, , id, members = '']) => id === String(gid) && members.split(',').includes(name));
  return isMember ? gid : Number(primary);
}
