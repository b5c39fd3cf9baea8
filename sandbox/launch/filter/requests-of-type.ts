// Requests of ioctl(2) of one type, ioctl(2): the low byte of a request is its number, the next one its type. An int is compared by its 32 bits
// only (see filter.ts).
import type { ArgumentMatch, FilterRule } from '../../../shared/sys/filter.js';

type Bits = Pick<ArgumentMatch, 'mask' | 'equals'>;

const request = (action: FilterRule['action'], match: Bits): FilterRule => ({
  calls: ['ioctl'],
  action,
  when: [{ index: 1, ...match }],
});

export function refuseRequests(match: Bits): FilterRule {
  return request('EPERM', match);
}

/** All 32 bits of a request, or its type and number alone: the two high bytes tell the direction and the size of the argument. */
export type Compared = 'all bits' | 'type and number';

/** Refuses the requests of a type except some. The first rule that matches counts. */
export function allExcept(
  type: number,
  exceptions: readonly number[],
  compared: Compared,
): readonly FilterRule[] {
  const mask = compared === 'all bits' ? 0xffffffff : 0xffff;
  return [
    ...exceptions.map((number) => request('allow', { mask, equals: (type << 8) | number })),
    refuseRequests({ mask: 0xff00, equals: type << 8 }),
  ];
}
