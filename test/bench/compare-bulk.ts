// Measures how fast bytes come over a socket from postern, and over a direct one, in turn.
import type { Egress, Pair } from './open-pair.js';
import { median } from './statistics.js';

export interface BulkRow {
  readonly egress: string;
  readonly client: string;
  readonly direct_mb_per_s: number;
  readonly mb_per_s: number;
  readonly bulk_ratio: number;
}

export async function compareBulk(
  { name, client }: Egress,
  pair: Pair,
  { rounds, bytes }: { readonly rounds: number; readonly bytes: number },
): Promise<BulkRow> {
  const seconds = { direct: [] as number[], behind: [] as number[] };
  for (let round = -2; round < rounds; round += 1) {
    // They take turns in being first, so that effects of the one on the other count for both.
    const order = round % 2 === 0 ? (['direct', 'behind'] as const) : (['behind', 'direct'] as const);
    for (const who of order) {
      const { seconds: took } = await pair[who].ask<{ seconds: number }>(`bulk ${bytes}`);
      if (round >= 0) seconds[who].push(took);
    }
  }
  const rate = (values: readonly number[]): number => bytes / median(values) / 1e6;
  return {
    egress: name,
    client,
    direct_mb_per_s: rate(seconds.direct),
    mb_per_s: rate(seconds.behind),
    bulk_ratio: median(seconds.direct.map((took, round) => took / (seconds.behind[round] ?? Number.NaN))),
  };
}
