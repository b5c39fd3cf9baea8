// Statistics of the rounds of a measure.

/** The value below which that share of them lies, between two of them in proportion. NaN for none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? below;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** How far the middle 80 % of the values reach, as a share of the median: 0 where all are equal. NaN for one value: it tells nothing. */
export function spread(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  return (quantile(values, 0.9) - quantile(values, 0.1)) / Math.abs(median(values));
}

/**
 * The ratio in each round. What slows a whole round slows both, and so does not count.
 *
 * @throws RangeError if one has more rounds than the other
 */
export function pairedRatios(values: readonly number[], baseline: readonly number[]): number[] {
  if (values.length !== baseline.length)
    throw new RangeError(`${values.length} rounds cannot be compared with ${baseline.length}`);
  return values.map((value, round) => value / (baseline[round] ?? Number.NaN));
}
