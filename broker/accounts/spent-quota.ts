// Which of sent_mib and received_mib a plugin has used up. Runs in the broker. Pure.
import type { Limits } from '../../shared/config/limit-forms.js';
import type { Carried } from './carried.js';

const MIB = 1_048_576;

const QUOTAS = [
  { limit: 'sentMib', carried: 'sentBytes', key: 'sent_mib', word: 'sent' },
  { limit: 'receivedMib', carried: 'receivedBytes', key: 'received_mib', word: 'received' },
] as const;

export type QuotaLimits = Pick<Limits, (typeof QUOTAS)[number]['limit']>;

export interface SpentQuota {
  /** Its key in the file. */
  readonly key: (typeof QUOTAS)[number]['key'];
  /** Its word in the metrics. */
  readonly word: (typeof QUOTAS)[number]['word'];
  readonly mib: number;
}

export function hasQuota(limits: QuotaLimits): boolean {
  return QUOTAS.some(({ limit }) => limits[limit] !== undefined);
}

/** @returns undefined while neither is used up */
export function spentQuota(limits: QuotaLimits, carried: Carried): SpentQuota | undefined {
  for (const { limit, carried: bytes, key, word } of QUOTAS) {
    const mib = limits[limit];
    // A sum that is no number counts as used up.
    if (mib !== undefined && !(carried[bytes] < mib * MIB)) return { key, word, mib };
  }
  return undefined;
}

/** How many bytes may at least be carried before one is used up. Infinite without a limit. */
export function leftOfQuota(limits: QuotaLimits, carried: Carried): number {
  return Math.min(
    ...QUOTAS.map(
      ({ limit, carried: bytes }) => (limits[limit] ?? Number.POSITIVE_INFINITY) * MIB - carried[bytes],
    ),
  );
}
