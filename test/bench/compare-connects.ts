// Measures how long a connect takes under postern, and directly, in turn.
import type { Egress, Pair } from './open-pair.js';
import { median, percentile } from './statistics.js';

interface Timing {
  readonly micros: number[];
  readonly seconds: number;
}

export interface ConnectRow {
  readonly egress: string;
  readonly client: string;
  readonly abreast: number;
  readonly direct_p50_us: number;
  readonly p50_us: number;
  readonly added_p50_us: number;
  readonly ratio_p50: number;
  readonly direct_p99_us: number;
  readonly p99_us: number;
  readonly direct_per_s: number;
  readonly per_s: number;
}

/** @param abreast connects at once */
export async function compareConnects(
  { name, client }: Egress,
  { behind, direct }: Pair,
  {
    abreast,
    rounds,
    connects,
  }: { readonly abreast: number; readonly rounds: number; readonly connects: number },
): Promise<ConnectRow> {
  const micros = { direct: [] as number[], behind: [] as number[] };
  const rates = { direct: [] as number[], behind: [] as number[] };
  const ratios: number[] = [];
  const differences: number[] = [];
  for (let round = -2; round < rounds; round += 1) {
    const a = await behind.ask<Timing>(`connects ${connects} ${abreast}`);
    const b = await direct.ask<Timing>(`connects ${connects} ${abreast}`);
    // The first rounds warm both up.
    if (round < 0) continue;
    micros.behind.push(...a.micros);
    micros.direct.push(...b.micros);
    rates.behind.push(a.micros.length / a.seconds);
    rates.direct.push(b.micros.length / b.seconds);
    ratios.push(median(a.micros) / median(b.micros));
    differences.push(median(a.micros) - median(b.micros));
  }
  return {
    egress: name,
    client,
    abreast,
    direct_p50_us: median(micros.direct),
    p50_us: median(micros.behind),
    added_p50_us: median(differences),
    ratio_p50: median(ratios),
    direct_p99_us: percentile(micros.direct, 0.99),
    p99_us: percentile(micros.behind, 0.99),
    direct_per_s: median(rates.direct),
    per_s: median(rates.behind),
  };
}
