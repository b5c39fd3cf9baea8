// How much longer than on a quick, quiet machine tests wait before they give up. The factor changes no result of a test that passes.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const KEPT = new URL('./patience.json', import.meta.url);
/** How long Node takes to start on a quick machine. */
const QUICK_START_MS = 40;
/** Several tests run at once, beside what else the machine does. */
const LEAST = 3;
const MOST = 100;
const TRIES = 3;

/** A run measures it once, at its start. A test file that is run alone takes the figure of the last run. */
export const PATIENCE: number = kept() ?? LEAST;

function kept(): number | undefined {
  try {
    return Number(JSON.parse(readFileSync(KEPT, 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * Measures how fast this machine starts a process, and keeps the factor beside this module for the tests of a run. Where it cannot be kept, as in
 * a tree that is read-only, they take the least.
 *
 * @returns the factor
 */
export function measurePatience(): number {
  const times = Array.from({ length: TRIES }, () => {
    const began = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    return performance.now() - began;
  }).sort((one, other) => one - other);
  const slowness = (times[Math.floor(TRIES / 2)] ?? QUICK_START_MS) / QUICK_START_MS;
  const factor = Math.min(MOST, Math.ceil(LEAST * Math.max(1, slowness)));
  try {
    writeFileSync(KEPT, JSON.stringify(factor));
  } catch {
    // The tests wait for a shorter time. That changes no result on a machine that is quick.
  }
  return factor;
}
