// The columns "enforced in" and "tests" of the guarantees in SECURITY.md: from the markers in the sources, and from what tests declare to prove.
import { basename, dirname } from 'node:path';
import { readAllMarkers } from '../protections/read-all-markers.js';
import { readAllProofs } from '../protections/read-all-proofs.js';

/** So many files of one folder are listed. For more of them, the folder stands alone. */
const LISTED_SOURCES = 6;
const LISTED_TESTS = 14;
const ROW = /^\| (?<name>G\d+) \|.*$/gm;

/** @param page SECURITY.md. @returns it with these columns as they are in `top` */
export function withEnforcement(page: string, top: string): string {
  const markers = readAllMarkers(top);
  const proofs = readAllProofs(top);
  return page.replace(ROW, (row, name: string) => {
    const own = markers.filter(({ guarantee }) => guarantee === name);
    const names = new Set([name, ...own.map((marker) => marker.name)]);
    const sources = own.map(({ file }) => file);
    const tests = proofs
      .filter((proof) => names.has(proof.name))
      .map(({ file }) => file.replace(/^test\//, '').replace(/\.test\.ts$/, ''));
    const cells = row.split(/(?<!\\)\|/);
    cells[3] = ` ${listed(sources, LISTED_SOURCES, '/')} `;
    cells[4] = ` ${listed(tests, LISTED_TESTS, '/\\*')} `;
    return cells.join('|');
  });
}

/** The folder of a file stands before the first one in it. @param all stands behind a folder for all its files */
function listed(files: readonly string[], most: number, all: string): string {
  const unique = [...new Set(files)].sort();
  const folders = [...new Set(unique.map((file) => dirname(file)))];
  const lists = folders.map((folder) => {
    const own = unique.filter((file) => dirname(file) === folder);
    if (own.length > most) return `${folder}${all}`;
    return [own[0], ...own.slice(1).map((file) => basename(file))].join(', ');
  });
  return lists.join('; ');
}
