// Finds what a mutant changes, by the names of markers. See deploy/protections/markers.ts.
import { codeWithoutRow, type Marker } from '../../deploy/protections/markers.js';
import type { Change } from '../../deploy/protections/mutant-source.js';
import { readAllMarkers } from '../../deploy/protections/read-all-markers.js';
import { OWN_CODE } from './own-code.js';

/** The name of a protection or a test point, or a name with other code for its place. */
export type Wanted = string | { readonly at: string; readonly code: string };

/**
 * @param top the folder of package.json
 * @throws Error for a name that no marker has, or whose marker has no code
 */
export function findChanges(
  top: string,
  wanted: readonly Wanted[],
  markers: readonly Marker[] = readAllMarkers(top, [...wanted.map(nameOf), ': rows of ']),
): readonly Change[] {
  return wanted.flatMap((one) => {
    const { at, ...own } = typeof one === 'string' ? { at: one, ...OWN_CODE[one] } : one;
    const found = markers.filter(({ name }) => name === at);
    if (found.length === 0) throw new Error(`No marker has the name "${at}"`);
    return found.flatMap((marker): readonly Change[] => {
      if (marker.rowOf !== undefined) return withoutRow(marker, markers);
      if (marker.ownCode && own.code === undefined) throw new Error(`The marker "${at}" has no code`);
      return [{ marker, ...own }];
    });
  });
}

function nameOf(wanted: Wanted): string {
  return typeof wanted === 'string' ? wanted : wanted.at;
}

function withoutRow(row: Marker, markers: readonly Marker[]): readonly Change[] {
  return markers
    .filter(({ kind, name }) => kind === 'rows' && name === `rows of ${row.rowOf}`)
    .map((marker) => ({ marker, code: codeWithoutRow(marker.code, row) }));
}
