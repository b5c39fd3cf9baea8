// The line that says where figures come from, and what makes them doubtful.
import type { Host } from '../host.js';

/** A load from which other programs take the measured ones' time. */
const BUSY = 0.5;

export function textOfHost({ processors, kernel, node, user, load, date }: Host): string {
  const doubt = load > BUSY ? ': other programs were running, so the figures are doubtful' : '';
  return `${processors}, ${kernel}, Node ${node}, as ${user}, ${date}; load at the start ${load.toFixed(2)}${doubt}`;
}
