// Refusals of the requests of ioctl(2) of one type, ioctl(2): the low byte of a request is its number, the next one its type. An int is compared
// by its 32 bits only (see seccomp.ts).
import type { ArgumentMatch, FilterRule } from '../../../shared/sys/seccomp.js';

const HIGH_BITS = 16;

export function refuseRequests(match: Pick<ArgumentMatch, 'mask' | 'equals'>): FilterRule {
  return { calls: ['ioctl'], action: 'EPERM', when: [{ index: 1, ...match }] };
}

/**
 * Refuses all numbers of a type except some, whatever the two high bytes are. A rule can only name matches, so the rules name the largest
 * blocks of numbers without an exception.
 */
export function allExcept(
  type: number,
  exceptions: readonly number[],
  first = 0,
  count = 256,
): readonly FilterRule[] {
  const within = exceptions.filter((number) => number >= first && number < first + count);
  if (within.length === 0)
    return [refuseRequests({ mask: 0xff00 | (256 - count), equals: (type << 8) | first })];
  if (count === 1) return [];
  const half = count / 2;
  return [...allExcept(type, within, first, half), ...allExcept(type, within, first + half, half)];
}

/** Refuses the requests of a type whose two high bytes are not both 0. */
export function withHighBytes(type: number): readonly FilterRule[] {
  return Array.from({ length: HIGH_BITS }, (_, at) => {
    const bit = 2 ** (HIGH_BITS + at);
    return refuseRequests({ mask: bit + 0xff00, equals: bit + (type << 8) });
  });
}
