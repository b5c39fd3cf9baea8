// Amounts and times in few characters, for tables. Pure.

const UNITS = ['', 'K', 'M', 'G', 'T', 'P', 'E'];

/** @returns for example `17`, `1.2K` or `530M`: units of 1024 from 10,000 on; `-` where it is not known */
export function amount(value: number | null): string {
  if (value === null || !Number.isFinite(value) || value < 0) return '-';
  if (value < 10_000) return String(Number(value.toFixed(1)));
  let [left, unit] = [value, 0];
  while (left >= 1024 && unit < UNITS.length - 1) [left, unit] = [left / 1024, unit + 1];
  return `${left < 10 ? left.toFixed(1) : Math.round(left)}${UNITS[unit]}`;
}

/** @returns for example `3d 4h`, `5m 10s` or `2s` */
export function lasted(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const units: readonly (readonly [string, number])[] = [
    ['d', Math.floor(seconds / 86_400)],
    ['h', Math.floor(seconds / 3600) % 24],
    ['m', Math.floor(seconds / 60) % 60],
    ['s', seconds % 60],
  ];
  const first = units.findIndex(([, number]) => number > 0);
  return units
    .slice(first < 0 ? 3 : first, (first < 0 ? 3 : first) + 2)
    .map(([unit, number]) => `${number}${unit}`)
    .join(' ');
}
