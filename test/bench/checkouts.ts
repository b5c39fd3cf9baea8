// The compiled trees of postern that a run compares.
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DIST } from '../../shared/bundles.js';
import type { Checkout } from './measure.js';

/** The label of the tree that the bench is part of, where no other is measured. */
export const THIS = 'this';

/**
 * @param folders of checkouts, or their `dist`; none means this one
 * @throws Error if one is not built
 */
export function checkoutsOf(folders: readonly string[]): Checkout[] {
  if (folders.length === 0) return [{ label: THIS, top: dirname(DIST), dist: DIST }];
  return folders.map((folder) => {
    const path = resolve(folder);
    const dist = basename(path) === 'dist' ? path : join(path, 'dist');
    if (!existsSync(join(dist, 'run/postern.js')))
      throw new Error(`"${dist}" has no run/postern.js: run "npm run build" there`);
    return { label: basename(dirname(dist)), top: dirname(dist), dist };
  });
}

/** The words that run a command under postern, with no limit that the bench could reach. */
export function underPostern(
  { dist }: Checkout,
  options: readonly string[],
  command: readonly string[],
): string[] {
  const limits = ['requests_per_second', 'log_lines_per_second'].flatMap((name) => [
    '--limit',
    `${name}=1000000`,
  ]);
  return [
    ...[process.execPath, join(dist, 'run/postern.js'), 'run', '--name', 'bench'],
    ...[...limits, ...options, '--', ...command],
  ];
}
