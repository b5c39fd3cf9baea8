// Makes the text of a source file without protections. Pure.
import type { Marker } from './markers.js';

/** A change of a source: what a marker says, or other code at its place. */
export interface Change {
  readonly marker: Marker;
  /** In place of the marker's. */
  readonly code?: string | undefined;
  /** Lines for the beginning of the file. */
  readonly imports?: string | undefined;
}

/**
 * @param changes of this file. Of two at one place, the second changes what the first made. A change within a larger one is lost with it
 * @returns the text with all of them
 */
export function mutantSource(text: string, changes: readonly Change[]): string {
  const sorted = [...changes].sort(({ marker: a }, { marker: b }) => a.start - b.start || b.end - a.end);
  let mutant = '';
  let done = 0;
  for (const { marker } of sorted) {
    const { start, end } = marker;
    if (start < done) continue;
    const here = changes.filter((one) => one.marker.start === start && one.marker.end === end);
    mutant += text.slice(done, start) + here.reduce(replaced, marker.text);
    done = end;
  }
  return [...changes.flatMap(({ imports }) => imports ?? []), mutant + text.slice(done)].join('\n');
}

function replaced(former: string, { marker, code = marker.code }: Change): string {
  const closes = marker.isExpression && !code.startsWith('...');
  const made = code.replaceAll('$&', () => former);
  return closes ? `(${made})` : made;
}
