// Words of the report that terminal and page share.
import { THIS } from '../checkouts.js';
import type { AimResult } from '../summarize.js';
import { short } from './numbers.js';

/** @param checkout named only where several are measured */
export function labelOf(text: string, checkout: string | undefined): string {
  return checkout === undefined || checkout === THIS ? text : `${text} (${checkout})`;
}

/** What was measured for an aim. */
export function measuredText({ measured, peer }: AimResult): string {
  if (measured === undefined) return 'not measured';
  return `${short(measured)}${peer === undefined ? '' : ` (${peer})`}`;
}
